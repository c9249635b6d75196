package logsvc

// notBuilt lists the operations of CloudWatch Logs that this version does not do.
func notBuilt() []string {
	return []string{
		"AssociateKmsKey", "AssociateSourceToS3TableIntegration", "CancelExportTask", "CancelImportTask",
		"CreateDelivery", "CreateExportTask", "CreateImportTask", "CreateLogAnomalyDetector", "CreateLookupTable",
		"CreateScheduledQuery", "DeleteAccountPolicy", "DeleteDataProtectionPolicy", "DeleteDelivery",
		"DeleteDeliveryDestination", "DeleteDeliveryDestinationPolicy", "DeleteDeliverySource", "DeleteDestination",
		"DeleteIndexPolicy", "DeleteIntegration", "DeleteLogAnomalyDetector", "DeleteLookupTable",
		"DeleteMetricFilter", "DeleteQueryDefinition", "DeleteResourcePolicy", "DeleteScheduledQuery",
		"DeleteSubscriptionFilter", "DeleteTransformer", "DescribeAccountPolicies", "DescribeConfigurationTemplates",
		"DescribeDeliveries", "DescribeDeliveryDestinations", "DescribeDeliverySources", "DescribeDestinations",
		"DescribeExportTasks", "DescribeFieldIndexes", "DescribeImportTaskBatches", "DescribeImportTasks",
		"DescribeIndexPolicies", "DescribeLookupTables", "DescribeMetricFilters", "DescribeQueries",
		"DescribeQueryDefinitions", "DescribeResourcePolicies", "DescribeSubscriptionFilters", "DisassociateKmsKey",
		"DisassociateSourceFromS3TableIntegration", "GetDataProtectionPolicy", "GetDelivery",
		"GetDeliveryDestination", "GetDeliveryDestinationPolicy", "GetDeliverySource", "GetIntegration",
		"GetLogAnomalyDetector", "GetLogFields", "GetLogGroupFields", "GetLogObject", "GetLogRecord",
		"GetLookupTable", "GetQueryResults", "GetScheduledQuery", "GetScheduledQueryHistory", "GetTransformer",
		"ListAggregateLogGroupSummaries", "ListAnomalies", "ListIntegrations", "ListLogAnomalyDetectors",
		"ListLogGroups", "ListLogGroupsForQuery", "ListScheduledQueries", "ListSourcesForS3TableIntegration",
		"ListTagsForResource", "ListTagsLogGroup", "PutAccountPolicy", "PutBearerTokenAuthentication",
		"PutDataProtectionPolicy", "PutDeliveryDestination", "PutDeliveryDestinationPolicy", "PutDeliverySource",
		"PutDestination", "PutDestinationPolicy", "PutIndexPolicy", "PutIntegration",
		"PutLogGroupDeletionProtection", "PutMetricFilter", "PutQueryDefinition", "PutResourcePolicy",
		"PutSubscriptionFilter", "PutTransformer", "StartLiveTail", "StartQuery", "StopQuery", "TagLogGroup",
		"TagResource", "TestMetricFilter", "TestTransformer", "UntagLogGroup", "UntagResource", "UpdateAnomaly",
		"UpdateDeliveryConfiguration", "UpdateLogAnomalyDetector", "UpdateLookupTable", "UpdateScheduledQuery",
	}
}
