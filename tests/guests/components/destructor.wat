;; A command with a resource of its own, whose destructor waits: it ends with 0 if that was called.
(component
  (import "wasi:io/poll@0.2.0" (instance $poll
    (export "pollable" (type $p (sub resource)))
    (export "[method]pollable.block" (func (param "self" (borrow $p))))))
  (alias export $poll "pollable" (type $pollable))
  (import "wasi:clocks/monotonic-clock@0.2.0" (instance $clock
    (alias outer 1 $pollable (type $outer))
    (export "pollable" (type $p (eq $outer)))
    (export "subscribe-duration" (func (param "when" u64) (result (own $p))))))

  (core module $ends
    (import "wasi" "subscribe" (func $subscribe (param i64) (result i32)))
    (import "wasi" "block" (func $block (param i32)))
    (global $gone (export "gone") (mut i32) (i32.const 0))
    (func (export "destructor") (param i32)
      (call $block (call $subscribe (i64.const 5000000)))
      (global.set $gone (local.get 0))))
  (core func $subscribe (canon lower (func $clock "subscribe-duration")))
  (core func $block (canon lower (func $poll "[method]pollable.block")))
  (core instance $ends (instantiate $ends
    (with "wasi" (instance
      (export "subscribe" (func $subscribe))
      (export "block" (func $block))))))

  (type $thing (resource (rep i32) (dtor (core func $ends "destructor"))))
  (core func $new (canon resource.new $thing))
  (core func $drop (canon resource.drop $thing))
  (core module $main
    (import "thing" "new" (func $new (param i32) (result i32)))
    (import "thing" "drop" (func $drop (param i32)))
    (import "ends" "gone" (global $gone (mut i32)))
    (func (export "run") (result i32)
      (call $drop (call $new (i32.const 7)))
      (i32.ne (global.get $gone) (i32.const 7))))
  (core instance $main (instantiate $main
    (with "thing" (instance
      (export "new" (func $new))
      (export "drop" (func $drop))))
    (with "ends" (instance $ends))))

  (func $run (result (result)) (canon lift (core func $main "run")))
  (instance $command (export "run" (func $run)))
  (export "wasi:cli/run@0.2.0" (instance $command)))
