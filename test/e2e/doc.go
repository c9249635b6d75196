// Package e2e runs jobs through a real server with each real driver, by AWS's
// own client: transitions, status reasons, container reasons and exit codes as
// they are on AWS, the settings of containers, tasks of several containers, and
// the examples.
//
// It builds the program once. The process driver needs Linux, the docker driver
// an engine. BARGE_REQUIRE, a list with commas, names what else is to be run:
// docker, mpi (Open MPI on Docker), time (AWS's shortest timeout, a minute).
package e2e
