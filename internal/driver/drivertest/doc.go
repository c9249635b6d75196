// Package drivertest is the conformance suite of the driver seam: every
// promise that [driver.Driver] makes, checked on a real driver.
//
// A driver's own test calls [Run] with a [Harness]. The suite opens one driver,
// hammers it from parallel subtests, then closes and reopens it while attempts
// run. Attempt ids are random, so that a runtime may be shared with others; the
// suite removes what it started.
//
// Programs come in two kinds. Portable ones are lists of steps in the language
// of the script driver (`print hello`, `sleep 10ms`, `exit 3`, `ignore-term`,
// `hang`, `fail-to-start reason`); for every other driver the suite translates
// them to /bin/sh. Shell programs use /bin/sh and what busybox has, and are
// left out where [Harness.Scripted] is set.
//
// It owns nothing beyond one run. It deliberately does not check what belongs
// to one runtime only: pulling images, a killed server process, a full disk.
package drivertest
