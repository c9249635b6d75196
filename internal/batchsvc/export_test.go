package batchsvc

// RuleMessages returns the messages of all tables of rules of resources, with
// %s where something of the request stands.
func RuleMessages() []string {
	var list []string
	list = append(list, messages(environmentRules)...)
	list = append(list, messages(templateRules)...)
	list = append(list, messages(environmentUpdateRules)...)
	list = append(list, messages(queueRules)...)
	list = append(list, messages(queueUpdateRules)...)
	list = append(list, messages(policyRules)...)
	return append(list, messages(fairshareRules)...)
}

func messages[T any](rules []rule[T]) []string {
	var list []string
	for _, r := range rules {
		list = append(list, r.message)
	}
	return list
}
