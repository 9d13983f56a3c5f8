;; A program that calls itself until the stack is used up.
(module (func $again (export "_start") (call $again)))
