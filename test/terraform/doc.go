// Package terraform holds a test that runs Terraform as it is installed, with the
// AWS provider 5.100, against the real program: what it creates is what it reads,
// nothing differs in the next plan, all can be updated in place, replaced,
// imported and destroyed.
//
// There is nothing here but the test. It needs terraform in PATH and the provider
// on this machine: in a mirror that TF_CLI_CONFIG_FILE configures, or in one of
// Terraform's own directories for plugins, or in /opt/tf-plugins. It downloads
// nothing. Since the provider waits 30 s before it looks at a queue, and so the
// test takes some minutes, it runs only where BARGE_REQUIRE, a list with commas,
// names terraform:
//
//	BARGE_REQUIRE=terraform go test ./test/terraform
package terraform
