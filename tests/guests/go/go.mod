module farlet.dev/guests

go 1.24
