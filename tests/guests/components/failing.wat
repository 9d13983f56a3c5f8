;; A command whose run() gives an error.
(module
  (func (export "wasi:cli/run@0.2.6#run") (result i32) (i32.const 1)))
