package batchapi_test

import (
	"encoding/json"
	"math"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/bargehq/barge/internal/awsapi/batchapi"
)

type record interface {
	AppendJSON(b []byte) []byte
	UnmarshalJSON(data []byte) error
}

// records returns the inputs and outputs of all operations.
func records() []reflect.Type {
	var types []reflect.Type
	svc := reflect.TypeFor[batchapi.Service]()
	for m := range svc.Methods() {
		types = append(types, m.Type.In(1).Elem(), m.Type.Out(0).Elem())
	}
	return types
}

// draw fills v with what a record may hold.
func draw(t *rapid.T, v reflect.Value) {
	some := rapid.IntRange(0, 2)
	switch v.Kind() {
	case reflect.Pointer:
		if some.Draw(t, "present") == 0 {
			v.Set(reflect.New(v.Type().Elem()))
			draw(t, v.Elem())
		}
	case reflect.Struct:
		for i := range v.NumField() {
			draw(t, v.Field(i))
		}
	case reflect.Slice:
		if n := some.Draw(t, "length"); n > 0 {
			v.Set(reflect.MakeSlice(v.Type(), n-1, n-1))
			for i := range n - 1 {
				draw(t, v.Index(i))
			}
		}
	case reflect.Map:
		if n := some.Draw(t, "size"); n > 0 {
			v.Set(reflect.MakeMap(v.Type()))
			for range n - 1 {
				value := reflect.New(v.Type().Elem()).Elem()
				draw(t, value)
				if value.Kind() == reflect.Slice && value.IsNil() { // null is no entry
					value = reflect.MakeSlice(value.Type(), 0, 0)
				}
				v.SetMapIndex(reflect.ValueOf(rapid.String().Draw(t, "key")), value)
			}
		}
	case reflect.String:
		if some.Draw(t, "text") == 0 {
			v.SetString(rapid.String().Draw(t, "string"))
		}
	case reflect.Bool:
		v.SetBool(rapid.Bool().Draw(t, "bool"))
	case reflect.Int32, reflect.Int64:
		bits := v.Type().Bits()
		v.SetInt(rapid.Int64Range(math.MinInt64>>(64-bits), math.MaxInt64>>(64-bits)).Draw(t, "int"))
	case reflect.Float64:
		v.SetFloat(rapid.Float64().Draw(t, "float"))
	default:
		t.Fatalf("a record holds a %s", v.Type())
	}
}

// What is stored is what is read back, in every shape.
func TestRoundTrip(t *testing.T) {
	t.Parallel()
	types := records()
	if len(types) != 2*48 {
		t.Fatalf("the service has %d inputs and outputs, want 96", len(types))
	}
	rapid.Check(t, func(t *rapid.T) {
		typ := rapid.SampledFrom(types).Draw(t, "type")
		want := reflect.New(typ)
		draw(t, want.Elem())
		data := want.Interface().(record).AppendJSON(nil)
		if !json.Valid(data) {
			t.Fatalf("%s was written as invalid JSON: %s", typ, data)
		}
		got := reflect.New(typ)
		if err := got.Interface().(record).UnmarshalJSON(data); err != nil {
			t.Fatalf("%s does not read back from %s: %v", typ, data, err)
		}
		if diff := cmp.Diff(want.Interface(), got.Interface()); diff != "" {
			t.Fatalf("%s changed on the way through %s (-written +read):\n%s", typ, data, diff)
		}
	})
}

// The standard library, reading the same bytes by other code, sees the names
// of the model and the same number of members.
func TestWrittenMembers(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		typ := rapid.SampledFrom(records()).Draw(t, "type")
		v := reflect.New(typ)
		draw(t, v.Elem())
		var got map[string]json.RawMessage
		data := v.Interface().(record).AppendJSON(nil)
		if err := json.Unmarshal(data, &got); err != nil {
			t.Fatalf("%s was written as invalid JSON: %v", typ, err)
		}
		for i := range typ.NumField() {
			name := typ.Field(i).Name
			name = string(name[0]|0x20) + name[1:]
			_, written := got[name]
			if absent := v.Elem().Field(i).IsZero(); written == absent {
				t.Fatalf("%s.%s: absent %t, written %t, in %s", typ, name, absent, written, data)
			}
			delete(got, name)
		}
		if len(got) != 0 {
			t.Fatalf("%s was written with members that it does not have: %v", typ, got)
		}
	})
}

// FuzzDecode: whatever a client sends, the decoder ends, and what it accepts is
// normal: written and read again, it is the same.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(submit))
	f.Add([]byte(`{"jobDefinitionName":"d","type":"Container","retryStrategy":{},"containerProperties":{"memory":1e3,"volumes":[{"host":{}}]}}`))
	f.Add([]byte(`{"computeEnvironment":"c","computeResources":{"imageId":"","launchTemplate":{"launchTemplateId":""}}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		fixed(t, data, batchapi.DecodeSubmitJobRequest)
		fixed(t, data, batchapi.DecodeRegisterJobDefinitionRequest)
		fixed(t, data, batchapi.DecodeUpdateComputeEnvironmentRequest)
		fixed(t, data, batchapi.DecodeCreateSchedulingPolicyRequest)
	})
}

func fixed[T record](t *testing.T, data []byte, decode func([]byte) (T, error)) {
	t.Helper()
	once, err := decode(data)
	if err != nil {
		return
	}
	written := once.AppendJSON(nil)
	twice, err := decode(written)
	if err != nil {
		t.Fatalf("accepted once, refused when written as %s: %v", written, err)
	}
	if diff := cmp.Diff(once, twice); diff != "" {
		t.Fatalf("not normal after one pass (-first +second):\n%s", diff)
	}
}
