;; Answers every request with its path and how often this instance was called.
;; /trap traps; /none gives no response; /half traps after the head of its response; /out sends a
;; request of its own, and answers `denied` if it may not.
(module
  (import "wasi:http/types@0.2.6" "[constructor]fields" (func $fields (result i32)))
  (import "wasi:http/types@0.2.6" "[method]incoming-request.path-with-query" (func $path (param i32 i32)))
  (import "wasi:http/types@0.2.6" "[constructor]outgoing-response" (func $response (param i32) (result i32)))
  (import "wasi:http/types@0.2.6" "[method]outgoing-response.body" (func $body (param i32 i32)))
  (import "wasi:http/types@0.2.6" "[method]outgoing-body.write" (func $write (param i32 i32)))
  (import "wasi:http/types@0.2.6" "[static]outgoing-body.finish" (func $finish (param i32 i32 i32 i32)))
  (import "wasi:http/types@0.2.6" "[constructor]outgoing-request" (func $request (param i32) (result i32)))
  (import "wasi:http/types@0.2.6" "[static]response-outparam.set"
    (func $set (param i32 i32 i32 i32 i64 i32 i32 i32 i32)))
  (import "wasi:http/outgoing-handler@0.2.6" "handle" (func $send (param i32 i32 i32 i32)))
  (import "wasi:io/streams@0.2.6" "[method]output-stream.blocking-write-and-flush"
    (func $put (param i32 i32 i32 i32)))
  (import "wasi:io/streams@0.2.6" "[resource-drop]output-stream" (func $drop_stream (param i32)))
  (memory (export "memory") 1)
  (global $free (mut i32) (i32.const 4096))
  (global $calls (mut i32) (i32.const 0))
  (data (i32.const 512) " 0\n")
  (data (i32.const 520) "denied\n")
  (func (export "cabi_realloc") (param $old i32) (param $old_size i32) (param $align i32) (param $size i32) (result i32)
    (local $at i32)
    (local.set $at (i32.and (i32.add (global.get $free) (i32.const 7)) (i32.const -8)))
    (global.set $free (i32.add (local.get $at) (local.get $size)))
    (local.get $at))
  (func $second (result i32) (i32.load8_u (i32.add (i32.load (i32.const 4)) (i32.const 1))))
  (func (export "wasi:http/incoming-handler@0.2.6#handle") (param $incoming i32) (param $out i32)
    (local $res i32) (local $b i32) (local $stream i32)
    (global.set $calls (i32.add (global.get $calls) (i32.const 1)))
    ;; At 0: whether there is a path, where it is, how long it is.
    (call $path (local.get $incoming) (i32.const 0))
    (if (i32.eq (call $second) (i32.const 0x74)) (then unreachable))
    (if (i32.eq (call $second) (i32.const 0x6e)) (then (return)))
    (if (i32.eq (call $second) (i32.const 0x6f)) (then
      (call $send (call $request (call $fields)) (i32.const 0) (i32.const 0) (i32.const 64))
      ;; The 15th of the error codes is HTTP-request-denied.
      (if (i32.and
            (i32.eq (i32.load8_u (i32.const 64)) (i32.const 1))
            (i32.eq (i32.load8_u (i32.const 72)) (i32.const 15)))
        (then
          (i32.store (i32.const 4) (i32.const 520))
          (i32.store (i32.const 8) (i32.const 6))))))
    (local.set $res (call $response (call $fields)))
    (call $body (local.get $res) (i32.const 16))
    (local.set $b (i32.load (i32.const 20)))
    (call $write (local.get $b) (i32.const 24))
    (local.set $stream (i32.load (i32.const 28)))
    (call $set (local.get $out) (i32.const 0) (local.get $res) (i32.const 0) (i64.const 0)
      (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))
    (call $put (local.get $stream) (i32.load (i32.const 4)) (i32.load (i32.const 8)) (i32.const 32))
    (if (i32.eq (call $second) (i32.const 0x68)) (then unreachable))
    (i32.store8 (i32.const 513) (i32.add (i32.const 0x30) (global.get $calls)))
    (call $put (local.get $stream) (i32.const 512) (i32.const 3) (i32.const 32))
    (call $drop_stream (local.get $stream))
    (call $finish (local.get $b) (i32.const 0) (i32.const 0) (i32.const 64))))
