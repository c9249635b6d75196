// Package training gives a training job what SageMaker gives it: the directory
// /opt/ml with its configuration and its inputs before it starts, and its model,
// packed, at the output path when it has ended.
//
// It owns a directory with one subdirectory for each attempt, from [Job.Prepare]
// until [Job.Discard]. All steps may be repeated: after a crash they begin anew
// and come to the same end. The host's goroutines call them; nothing here runs
// anything, and nothing is kept in memory.
//
// Where the driver can show a container a directory under another name, the
// directory is /opt/ml. A plain process sees it where it is, which the variables
// SM_MODEL_DIR, SM_CHANNEL_… and others tell it.
//
// Errors are sentences; what is wrong with a request is a *Refused, anything else
// a fault of this machine, after which the step can be tried again.
//
// https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-training-algo-running-container.html
package training
