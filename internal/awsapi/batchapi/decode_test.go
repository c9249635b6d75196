package batchapi_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bargehq/barge/internal/awsapi/batchapi"
	"github.com/bargehq/barge/internal/batch"
)

// decoders of the inputs that the tables below use.
var decoders = map[string]func([]byte) (record, error){
	"submit":       decoder(batchapi.DecodeSubmitJobRequest),
	"register":     decoder(batchapi.DecodeRegisterJobDefinitionRequest),
	"createCE":     decoder(batchapi.DecodeCreateComputeEnvironmentRequest),
	"updateCE":     decoder(batchapi.DecodeUpdateComputeEnvironmentRequest),
	"createQueue":  decoder(batchapi.DecodeCreateJobQueueRequest),
	"createPolicy": decoder(batchapi.DecodeCreateSchedulingPolicyRequest),
	"updatePolicy": decoder(batchapi.DecodeUpdateSchedulingPolicyRequest),
	"createShare":  decoder(batchapi.DecodeCreateQuotaShareRequest),
	"describe":     decoder(batchapi.DecodeDescribeJobsRequest),
	"list":         decoder(batchapi.DecodeListJobsRequest),
	"tag":          decoder(batchapi.DecodeTagResourceRequest),
	"untag":        decoder(batchapi.DecodeUntagResourceRequest),
	"service":      decoder(batchapi.DecodeSubmitServiceJobRequest),
}

func decoder[T record](decode func([]byte) (T, error)) func([]byte) (record, error) {
	return func(data []byte) (record, error) { return decode(data) }
}

// named wraps members of a submit in the ones it needs.
func named(members string) string {
	return `{"jobName":"n","jobQueue":"q","jobDefinition":"d",` + members + `}`
}

// How inputs are normalised: what is sent, and what a record of it says.
func TestNormalise(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, input, sent, want string }{
		{"as it is", "submit", submit, strings.Replace(submit, `"timeout":{},`, "", 1)},
		{"nothing", "list", ``, `{}`},
		{"blanks", "list", " \r\n\t", `{}`},
		{"empty object", "list", ` { } `, `{}`},
		{"unknown members", "list", `{"x":{"y":[1,{"z":null}]},"jobQueue":"q","w":"\ud83d\ude00"}`, `{"jobQueue":"q"}`},
		{"null is absent", "list", `{"jobQueue":null,"maxResults":null,"filters":null}`, `{}`},
		{"empty string is absent", "list", `{"jobQueue":"","nextToken":""}`, `{}`},
		{"the last name counts", "list", `{"jobQueue":"a","jobQueue":"b"}`, `{"jobQueue":"b"}`},
		{"the last name counts, null", "list", `{"jobQueue":"a","jobQueue":null}`, `{}`},
		{"the last name counts, structure", "submit", named(`"retryStrategy":{"attempts":2},"retryStrategy":{"evaluateOnExit":[]}`), named(`"retryStrategy":{"evaluateOnExit":[]}`)},
		{"the last name counts, map", "submit", named(`"parameters":{"a":"1","a":"2","b":"3","b":null}`), named(`"parameters":{"a":"2"}`)},
		{"escaped name", "list", `{"job\u0051ueue":"q"}`, `{"jobQueue":"q"}`},
		{"escaped value", "list", `{"jobQueue":"\u0041\n\"\\\ud83d\ude00"}`, `{"jobQueue":"A\n\"\\😀"}`},
		{"names have a case", "list", `{"JobQueue":"q"}`, `{}`},
		{"empty structures", "submit", named(`"arrayProperties":{},"containerOverrides":{},"retryStrategy":{},"timeout":{},"dependsOn":[]`), named(`"dependsOn":[]`)},
		{"empty after normalising", "submit", named(`"nodeOverrides":{"numNodes":null},"eksPropertiesOverride":{"podProperties":{"metadata":{"x":1}}}`), `{"jobName":"n","jobQueue":"q","jobDefinition":"d"}`},
		{"empty elements stay", "submit", named(`"dependsOn":[{}],"containerOverrides":{"environment":[{},{"name":"A","value":""}]}`), named(`"dependsOn":[{}],"containerOverrides":{"environment":[{},{"name":"A"}]}`)},
		{"empty strings in lists and maps stay", "submit", named(`"parameters":{"a":""},"containerOverrides":{"command":["","x"]}`), named(`"parameters":{"a":""},"containerOverrides":{"command":["","x"]}`)},
		{"empty lists and maps stay", "submit", named(`"parameters":{},"containerOverrides":{"command":[]},"tags":{}`), named(`"parameters":{},"containerOverrides":{"command":[]},"tags":{}`)},
		{"map order", "submit", named(`"parameters":{"b":"2","a":"1","c":"3"}`), named(`"parameters":{"a":"1","b":"2","c":"3"}`)},
		{"numbers as text", "submit", named(`"containerOverrides":{"resourceRequirements":[{"value":0.25,"type":"VCPU"},{"value":2048,"type":"MEMORY"}]}`), named(`"containerOverrides":{"resourceRequirements":[{"value":"0.25","type":"VCPU"},{"value":"2048","type":"MEMORY"}]}`)},
		{"number in a map of texts", "submit", named(`"parameters":{"n":1e3}`), named(`"parameters":{"n":"1e3"}`)},
		{"spellings of integers", "submit", named(`"schedulingPriorityOverride":1e1,"arrayProperties":{"size":2.0},"retryStrategy":{"attempts":-0}`), named(`"schedulingPriorityOverride":10,"arrayProperties":{"size":2},"retryStrategy":{"attempts":0}`)},
		{"false is present", "submit", named(`"propagateTags":false`), named(`"propagateTags":false`)},
		{"enumeration in another case", "submit", named(`"retryStrategy":{"attempts":1,"evaluateOnExit":[{"onExitCode":"1","action":"exit"}]}`), named(`"retryStrategy":{"attempts":1,"evaluateOnExit":[{"onExitCode":"1","action":"EXIT"}]}`)},
		{"enumeration in a list", "register", `{"jobDefinitionName":"d","type":"CONTAINER","containerProperties":{"linuxParameters":{"devices":[{"hostPath":"h","permissions":["read"]}]}}}`, `{"jobDefinitionName":"d","type":"container","containerProperties":{"linuxParameters":{"devices":[{"hostPath":"h","permissions":["READ"]}]}}}`},
		{"register keeps an empty retry strategy", "register", `{"jobDefinitionName":"d","type":"container","retryStrategy":{},"timeout":{}}`, `{"jobDefinitionName":"d","type":"container","retryStrategy":{}}`},
		{"volumes keep their kind", "register", `{"jobDefinitionName":"d","type":"container","containerProperties":{"volumes":[{"name":"v","host":{}}],"linuxParameters":{}},"eksProperties":{"podProperties":{"volumes":[{"name":"e","emptyDir":{},"hostPath":{}}]}}}`, `{"jobDefinitionName":"d","type":"container","containerProperties":{"volumes":[{"host":{},"name":"v"}]},"eksProperties":{"podProperties":{"volumes":[{"name":"e","emptyDir":{}}]}}}`},
		{"policies keep their kind", "createPolicy", `{"name":"p","fairsharePolicy":{},"quotaSharePolicy":{}}`, `{"name":"p","fairsharePolicy":{}}`},
		{"a policy is reset", "updatePolicy", `{"arn":"a","fairsharePolicy":{}}`, `{"arn":"a","fairsharePolicy":{}}`},
		{"fractions", "createPolicy", `{"name":"p","fairsharePolicy":{"shareDistribution":[{"shareIdentifier":"a*","weightFactor":0.125}]}}`, `{"name":"p","fairsharePolicy":{"shareDistribution":[{"shareIdentifier":"a*","weightFactor":0.125}]}}`},
		{"an update that removes", "updateCE", `{"computeEnvironment":"c","computeResources":{"ec2KeyPair":"","instanceRole":"","launchTemplate":{"launchTemplateId":""},"imageId":""}}`, `{"computeEnvironment":"c","computeResources":{"ec2KeyPair":"","launchTemplate":{},"imageId":""}}`},
		{"an update of nothing", "updateCE", `{"computeEnvironment":"c","computeResources":{"imageId":null},"updatePolicy":{}}`, `{"computeEnvironment":"c","computeResources":{}}`},
		{"the service role of Terraform", "createCE", `{"computeEnvironmentName":"c","type":"managed","serviceRole":""}`, `{"computeEnvironmentName":"c","type":"MANAGED"}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			in, err := decoders[tt.input]([]byte(tt.sent))
			if err != nil {
				t.Fatalf("%s was refused: %v", tt.sent, err)
			}
			if diff := cmp.Diff(sorted(t, tt.want), sorted(t, string(in.AppendJSON(nil)))); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tt.sent, diff)
			}
		})
	}
}

// What is refused, and in which words.
func TestRefuse(t *testing.T) {
	t.Parallel()
	deep := strings.Repeat(`{"a":[`, 40) + strings.Repeat(`]}`, 40)
	for _, tt := range []struct{ input, sent, field, want string }{
		{"submit", ``, "jobName", "jobName is required"},
		{"submit", `{"jobName":""}`, "jobName", "jobName is required"},
		{"submit", `{"jobName":"n"}`, "jobQueue", "jobQueue is required"},
		{"submit", `{"jobName":"n","jobQueue":"q","jobDefinition":null}`, "jobDefinition", "jobDefinition is required"},
		{"submit", `{"jobName":{}}`, "jobName", "jobName must be a string, not an object"},
		{"submit", `{"jobName":["n"]}`, "jobName", "jobName must be a string, not a list"},
		{"submit", `{"jobName":true}`, "jobName", "jobName must be a string, not a boolean"},
		{"submit", `{"arrayProperties":5}`, "arrayProperties", "arrayProperties must be an object, not a number"},
		{"submit", `{"arrayProperties":{"size":"5"}}`, "arrayProperties.size", "arrayProperties.size must be an integer, not a string"},
		{"submit", `{"arrayProperties":{"size":1.5}}`, "arrayProperties.size", "arrayProperties.size must be an integer, not 1.5"},
		{"submit", `{"arrayProperties":{"size":2147483648}}`, "arrayProperties.size", "arrayProperties.size must be an integer between -2147483648 and 2147483647"},
		{"submit", `{"arrayProperties":{"size":1e400}}`, "arrayProperties.size", "arrayProperties.size must be an integer between -2147483648 and 2147483647"},
		{"submit", `{"propagateTags":"true"}`, "propagateTags", "propagateTags must be true or false, not a string"},
		{"submit", `{"propagateTags":0}`, "propagateTags", "propagateTags must be true or false, not a number"},
		{"submit", `{"dependsOn":{}}`, "dependsOn", "dependsOn must be a list, not an object"},
		{"submit", `{"dependsOn":[{},null]}`, "dependsOn[1]", "dependsOn[1] must be an object, not null"},
		{"submit", `{"dependsOn":[{},{"jobId":"a"},{"jobId":false}]}`, "dependsOn[2].jobId", "dependsOn[2].jobId must be a string, not a boolean"},
		{"submit", `{"containerOverrides":{"command":["a",null]}}`, "containerOverrides.command[1]", "containerOverrides.command[1] must be a string, not null"},
		{"submit", `{"parameters":{"a":{}}}`, "parameters.a", "parameters.a must be a string, not an object"},
		{"submit", `{"parameters":[]}`, "parameters", "parameters must be an object, not a list"},
		{"submit", named(`"dependsOn":[{"type":"ALL"}]`), "dependsOn[0].type", `dependsOn[0].type must be one of N_TO_N, SEQUENTIAL, not "ALL"`},
		{"submit", named(`"dependsOn":[{"type":"ſequential"}]`), "dependsOn[0].type", `dependsOn[0].type must be one of N_TO_N, SEQUENTIAL, not "ſequential"`},
		{"submit", named(`"retryStrategy":{"evaluateOnExit":[{"onReason":"*"}]}`), "retryStrategy.evaluateOnExit[0].action", "retryStrategy.evaluateOnExit[0].action is required"},
		{"submit", named(`"containerOverrides":{"resourceRequirements":[{"type":"VCPU"}]}`), "containerOverrides.resourceRequirements[0].value", "containerOverrides.resourceRequirements[0].value is required"},
		{"submit", named(`"tags":{"":"v"}`), "tags", `tags has the key "", which must have 1 to 128 characters, not 0`},
		{"submit", named(`"tags":{"a":"` + strings.Repeat("é", 257) + `"}`), "tags.a", "tags.a must have at most 256 characters, not 257"},
		{"submit", named(`"eksPropertiesOverride":{"podProperties":{"containers":[{"resources":{"limits":{"cpu":""}}}]}}`), "eksPropertiesOverride.podProperties.containers[0].resources.limits.cpu", "eksPropertiesOverride.podProperties.containers[0].resources.limits.cpu must have 1 to 256 characters, not 0"},
		{"describe", `{}`, "jobs", "jobs is required"},
		{"list", `{"jobStatus":"DONE"}`, "jobStatus", `jobStatus must be one of SUBMITTED, PENDING, RUNNABLE, STARTING, RUNNING, SUCCEEDED, FAILED, not "DONE"`},
		{"list", `{"maxResults":9223372036854775808}`, "maxResults", "maxResults must be an integer between -2147483648 and 2147483647"},
		{"createPolicy", `{"name":"p","fairsharePolicy":{"shareDistribution":[{"weightFactor":1}]}}`, "fairsharePolicy.shareDistribution[0].shareIdentifier", "fairsharePolicy.shareDistribution[0].shareIdentifier is required"},
		{"createPolicy", `{"name":"p","fairsharePolicy":{"shareDistribution":[{"weightFactor":"1"}]}}`, "fairsharePolicy.shareDistribution[0].weightFactor", "fairsharePolicy.shareDistribution[0].weightFactor must be a number, not a string"},
		{"createPolicy", `{"name":"p","fairsharePolicy":{"shareDistribution":[{"weightFactor":1e999}]}}`, "fairsharePolicy.shareDistribution[0].weightFactor", "fairsharePolicy.shareDistribution[0].weightFactor must be a smaller number"},
		{"updateCE", `{"computeEnvironment":"c","updatePolicy":{"jobExecutionTimeoutMinutes":361}}`, "updatePolicy.jobExecutionTimeoutMinutes", "updatePolicy.jobExecutionTimeoutMinutes must be between 1 and 360, not 361"},
		{"createQueue", `{"jobQueueName":"q","priority":1,"computeEnvironmentOrder":[{"order":"1","computeEnvironment":"c"}]}`, "computeEnvironmentOrder[0].order", "computeEnvironmentOrder[0].order must be an integer, not a string"},
		{"createShare", `{"quotaShareName":"s","jobQueue":"q","capacityLimits":[],"resourceSharingConfiguration":{}}`, "resourceSharingConfiguration", "resourceSharingConfiguration is required"},
		{"tag", `{"resourceArn":"a"}`, "tags", "tags is required"},
		{"tag", `{"resourceArn":"a","tags":{}}`, "tags", "tags must have 1 to 50 entries, not 0"},
		{"untag", `{"resourceArn":"a","tagKeys":["a",""]}`, "tagKeys[1]", "tagKeys[1] must have 1 to 128 characters, not 0"},
		{"service", `{"jobName":"j","jobQueue":"q","serviceRequestPayload":"{}","serviceJobType":"OTHER"}`, "serviceJobType", `serviceJobType must be SAGEMAKER_TRAINING, not "OTHER"`},

		{"list", `null`, "", "the request body must be an object, not null"},
		{"list", `[]`, "", "the request body must be an object, not a list"},
		{"list", `"x"`, "", "the request body must be an object, not a string"},
		{"list", `{"jobQueue":"q"`, "", "the request body is not valid JSON: it ends too early"},
		{"list", `{"jobQueue":"q`, "", "the request body is not valid JSON: it ends too early"},
		{"list", `{"jobQueue":`, "", "the request body is not valid JSON: it ends too early"},
		{"list", `{"jobQueue"}`, "", "the request body is not valid JSON: invalid character '}' after object name (expecting ':') at byte 11"},
		{"list", `{"jobQueue":"q",}`, "", "the request body is not valid JSON: invalid character ',' at start of value at byte 15"},
		{"list", `{jobQueue:"q"}`, "", "the request body is not valid JSON: invalid character 'j' at start of value at byte 1"},
		{"list", `{'jobQueue':'q'}`, "", `the request body is not valid JSON: invalid character '\'' at start of value at byte 1`},
		{"list", `{1:"q"}`, "", "the request body is not valid JSON: object member name must be a string at byte 1"},
		{"list", `{"maxResults":01}`, "", "the request body is not valid JSON: invalid character '1' after object value (expecting ',' or '}') at byte 15"},
		{"list", `{"maxResults":NaN}`, "", "the request body is not valid JSON: invalid character 'N' at start of value at byte 14"},
		{"list", `{"jobQueue":"q"}}`, "", "the request body is not valid JSON: invalid character '}' at start of value at byte 16"},
		{"list", `{}{}`, "", "the request body must be one JSON object with nothing behind it"},
		{"list", `{} x`, "", "the request body is not valid JSON: invalid character 'x' at start of value at byte 3"},
		{"list", "{\"jobQueue\":\"\xff\"}", "", "the request body is not valid JSON: invalid UTF-8 at byte 13"},
		{"list", "{\"\xc3\x28\":1}", "", "the request body is not valid JSON: invalid UTF-8 at byte 2"},
		{"list", `{"jobQueue":"\ud800"}`, "", "the request body is not valid JSON: invalid surrogate pair `\\ud800\"}` in string at byte 13"},
		{"list", "{\"jobQueue\":\"\x00\"}", "", "the request body is not valid JSON: invalid character '\\x00' in string (expecting non-control character) at byte 13"},
		{"list", "\xef\xbb\xbf{}", "", "the request body is not valid JSON: invalid character '\\ufeff' at start of value at byte 0"},
		{"list", `{"x":` + deep + `}`, "", "the request body nests more than 64 levels deep"},
		{"list", `{"x":` + strings.Repeat("[", 100_000), "", "the request body nests more than 64 levels deep"},
		{"describe", `{"jobs":[` + strings.Repeat(`"",`, 50_000) + `""]}`, "", "the request body has more than 50000 list elements"},
	} {
		t.Run(tt.want, func(t *testing.T) {
			t.Parallel()
			_, err := decoders[tt.input]([]byte(tt.sent))
			e, ok := errors.AsType[*batch.Error](err)
			if !ok {
				t.Fatalf("%.200s gave %v, want a batch.Error", tt.sent, err)
			}
			if diff := cmp.Diff(&batch.Error{Code: batch.Invalid, Message: tt.want, Field: tt.field}, e); diff != "" {
				t.Errorf("%.200s (-want +got):\n%s", tt.sent, diff)
			}
		})
	}
}

// A long value in a request is not repeated whole.
func TestMessageBounded(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("xé", 100_000)
	for _, sent := range []string{
		`{"jobStatus":"` + long + `"}`,
		`{"filters":[{"` + long + `":"` + long + `","name":{}}]}`,
		`{"maxResults":1` + strings.Repeat("0", 100_000) + `.5}`,
	} {
		if _, err := decoders["list"]([]byte(sent)); err == nil || len(err.Error()) > 400 {
			t.Errorf("%.40s… gave %.500v, want a short error", sent, err)
		}
	}
	if _, err := decoders["submit"]([]byte(named(`"parameters":{"` + long + `":{}}`))); err == nil || len(err.Error()) > 400 {
		t.Errorf("a long key gave %.500v, want a short error", err)
	}
}

// What is decoded stays when the buffer is used again.
func TestDecodeCopies(t *testing.T) {
	t.Parallel()
	data := []byte(submit)
	in, err := batchapi.DecodeSubmitJobRequest(data)
	if err != nil {
		t.Fatal(err)
	}
	before := string(in.AppendJSON(nil))
	clear(data)
	if after := string(in.AppendJSON(nil)); after != before {
		t.Errorf("the request changed with its buffer (-before +after):\n%s", cmp.Diff(before, after))
	}
}

// A stored record that is damaged is our fault: no error for the client.
func TestUnmarshalError(t *testing.T) {
	t.Parallel()
	err := new(batchapi.SubmitJobRequest).UnmarshalJSON([]byte(`{"jobName":1,"dependsOn":3}`))
	if err == nil || err.Error() != "dependsOn must be a list, not a number" {
		t.Errorf("got %v, want the complaint about dependsOn", err)
	}
	if _, ok := errors.AsType[*batch.Error](err); ok {
		t.Error("got a batch.Error, whose text a client would see")
	}
}

// sorted parses JSON and prints it with all names in order.
func sorted(t *testing.T, data string) string {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(data), &v); err != nil {
		t.Fatalf("%s: %v", data, err)
	}
	out, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}
