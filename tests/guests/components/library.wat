;; Neither a command nor a server.
(module
  (func (export "farlet:tests/one#call")))
