package main

import (
	"fmt"

	"github.com/spf13/pflag"

	"github.com/bargehq/barge/internal/bus"
)

// events is where the events of jobs go; empty for nowhere.
type events struct {
	EventsFile    string
	EventsWebhook string
}

func (e *events) eventFlags(f *pflag.FlagSet) {
	f.StringVar(&e.EventsFile, "events-file", "", "file to which each state change of a job is appended as a line of JSON, as EventBridge sends them")
	f.StringVar(&e.EventsWebhook, "events-webhook", "", "URL to which each of them is posted; an answer of 2xx takes it")
}

// eventSinks opens what the events go to.
func (e *events) eventSinks() (list []bus.Sink, err error) {
	if e.EventsFile != "" {
		s, err := bus.File(e.EventsFile)
		if err != nil {
			return nil, fmt.Errorf("--events-file: %w", err)
		}
		list = append(list, s)
	}
	if e.EventsWebhook != "" {
		s, err := bus.Webhook(e.EventsWebhook, nil)
		if err != nil {
			return nil, fmt.Errorf("--events-webhook: %w", err)
		}
		list = append(list, s)
	}
	return list, nil
}
