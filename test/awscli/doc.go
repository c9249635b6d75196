// Package awscli holds tests that run the AWS CLI as it is installed against
// the real program, with each driver.
//
// They follow a guide to AWS Batch for HPC: a compute environment, two queues, a
// definition, a job, an array of 100, listing, describing, the log. Its
// commands run as they are printed there, by a shell; only what the guide leaves
// open is filled in: the image's name and the jobs' ids. What the job runs,
// `python3 /app/run_simulation.py`, is the stand-in of the demo, which reads the
// same variables and prints the same lines.
//
// There is nothing here but tests. They need Linux and an AWS CLI, and version 2
// of it for `aws logs tail`; the docker driver needs an engine with its
// command-line client, the process driver root's rights, to show its jobs a
// python3 of the test's own. They take a while and run only
// where BARGE_REQUIRE, a list with commas, names them: aws, docker, root.
package awscli
