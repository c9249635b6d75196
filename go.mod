module github.com/bargehq/barge

go 1.26
