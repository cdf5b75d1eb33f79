using Temporalio.Converters;

namespace Baton.Conformance.Cases;

/// <summary>What travels with a run: memo, search attributes, headers, user metadata, priority.</summary>
public class AttributeTests(ServerFixture server) : ConformanceTest(server)
{
    private static readonly DateTimeOffset Moment = new(2024, 2, 29, 12, 30, 15, TimeSpan.Zero);

    [Workflow]
    public class Upserts
    {
        private bool _end;

        [WorkflowRun]
        public async Task<string> RunAsync()
        {
            Workflow.UpsertTypedSearchAttributes(
                TestAttributes.Keyword.ValueSet("upserted"), TestAttributes.Long.ValueSet(42), TestAttributes.Bool.ValueUnset());
            Workflow.UpsertMemo(MemoUpdate.ValueSet("added", "new"), MemoUpdate.ValueUnset("removed"));
            Workflow.CurrentDetails = "at rest";
            await Workflow.WaitConditionAsync(() => _end);
            return $"{Workflow.TypedSearchAttributes.Get(TestAttributes.Keyword)} {Workflow.TypedSearchAttributes.Count} {Workflow.Memo.Count}";
        }

        [WorkflowSignal]
        public Task EndAsync()
        {
            _end = true;
            return Task.CompletedTask;
        }
    }

    [Fact]
    public async Task Search_attributes_of_each_type_come_back_typed()
    {
        var options = Options();
        options.TypedSearchAttributes = new SearchAttributeCollection.Builder()
            .Set(TestAttributes.Keyword, "word").Set(TestAttributes.Text, "some longer text").Set(TestAttributes.Long, 7).Set(TestAttributes.Double, 1.5)
            .Set(TestAttributes.Bool, true).Set(TestAttributes.Time, Moment).Set(TestAttributes.Keywords, ["a", "b"]).ToSearchAttributeCollection();
        var handle = await Client.StartWorkflowAsync((Upserts wf) => wf.RunAsync(), options);
        var found = (await handle.DescribeAsync()).TypedSearchAttributes;
        Assert.Equal("word", found.Get(TestAttributes.Keyword));
        Assert.Equal("some longer text", found.Get(TestAttributes.Text));
        Assert.Equal(7, found.Get(TestAttributes.Long));
        Assert.Equal(1.5, found.Get(TestAttributes.Double));
        Assert.True(found.Get(TestAttributes.Bool));
        Assert.Equal(Moment, found.Get(TestAttributes.Time));
        Assert.Equal(["a", "b"], found.Get(TestAttributes.Keywords));
        await handle.TerminateAsync();
    }

    [Fact]
    public Task Upserts_change_attributes_and_memo() => WithWorkerAsync<Upserts>(async () =>
    {
        var options = Options();
        options.TypedSearchAttributes = new SearchAttributeCollection.Builder().Set(TestAttributes.Bool, true).Set(TestAttributes.Double, 2.5).ToSearchAttributeCollection();
        options.Memo = new Dictionary<string, object> { ["kept"] = 1, ["removed"] = 2 };
        var handle = await Client.StartWorkflowAsync((Upserts wf) => wf.RunAsync(), options);
        await EventAsync(handle, EventType.WorkflowPropertiesModified);
        await EventAsync(handle, EventType.UpsertWorkflowSearchAttributes);
        await Eventually.AssertAsync(async () =>
        {
            var description = await handle.DescribeAsync();
            Assert.Equal("upserted", description.TypedSearchAttributes.Get(TestAttributes.Keyword));
            Assert.Equal(42, description.TypedSearchAttributes.Get(TestAttributes.Long));
            Assert.Equal(2.5, description.TypedSearchAttributes.Get(TestAttributes.Double));
            Assert.False(description.TypedSearchAttributes.ContainsKey(TestAttributes.Bool));
            Assert.Equal(["added", "kept"], description.Memo.Keys.Order());
            Assert.Equal("new", await description.Memo["added"].ToValueAsync<string>());
        });
        var listed = Assert.Single(await ListAsync($"WorkflowId = '{handle.Id}' AND ConformanceKeyword = 'upserted' AND ConformanceLong > 41"));
        Assert.Equal(["added", "kept"], listed.Memo.Keys.Order());
        await handle.SignalAsync(wf => wf.EndAsync());
        Assert.Equal("upserted 3 2", await handle.GetResultAsync());
    });

    [Fact]
    public async Task An_unknown_attribute_is_refused_by_name()
    {
        var options = Options();
        options.TypedSearchAttributes = new SearchAttributeCollection.Builder().Set(SearchAttributeKey.CreateKeyword("NoSuchAttribute"), "x").ToSearchAttributeCollection();
        var error = await RpcErrorAsync(RpcException.StatusCode.InvalidArgument, () => Client.StartWorkflowAsync((Upserts wf) => wf.RunAsync(), options));
        Assert.Contains("NoSuchAttribute", error.Message);
        await RpcErrorAsync(RpcException.StatusCode.NotFound, () => Client.GetWorkflowHandle(options.Id!).DescribeAsync());
    }

    [Fact]
    public Task Static_summary_details_and_current_details_are_kept() => WithWorkerAsync<Upserts>(async () =>
    {
        var options = Options();
        options.StaticSummary = "a summary";
        options.StaticDetails = "the details";
        var handle = await Client.StartWorkflowAsync((Upserts wf) => wf.RunAsync(), options);
        var description = await handle.DescribeAsync();
        Assert.Equal("a summary", await description.GetStaticSummaryAsync());
        Assert.Equal("the details", await description.GetStaticDetailsAsync());
        await EventAsync(handle, EventType.WorkflowTaskCompleted);
        var metadata = await handle.QueryAsync<Temporalio.Api.Sdk.V1.WorkflowMetadata>("__temporal_workflow_metadata", []);
        Assert.Equal("at rest", metadata.CurrentDetails);
        await handle.TerminateAsync();
    });

    [Fact]
    public async Task Headers_priority_and_links_are_in_the_started_event()
    {
        var request = new StartWorkflowExecutionRequest
        {
            Namespace = ServerFixture.Namespace,
            WorkflowId = NewId(),
            WorkflowType = new() { Name = "Mailbox" },
            TaskQueue = new() { Name = TaskQueue },
            RequestId = NewId("request"),
            Header = new() { Fields = { ["tracer"] = DataConverter.Default.PayloadConverter.ToPayload("abc") } },
            Priority = new() { PriorityKey = 2, FairnessKey = "tenant", FairnessWeight = 1.5f },
        };
        await Service.StartWorkflowExecutionAsync(request);
        var started = (await EventsAsync(request.WorkflowId))[0].WorkflowExecutionStartedEventAttributes;
        Assert.Equal("\"abc\"", started.Header.Fields["tracer"].Data.ToStringUtf8());
        Assert.Equal(request.Priority, started.Priority);
        await Client.GetWorkflowHandle(request.WorkflowId).TerminateAsync();
    }

    [Workflow]
    public class PassesHeaders
    {
        [Activity]
        public static string Priority() => $"{ActivityExecutionContext.Current.Info.Priority?.PriorityKey} {ActivityExecutionContext.Current.Info.Priority?.FairnessKey}";

        [WorkflowRun]
        public async Task<string> RunAsync()
        {
            var inherited = await Workflow.ExecuteActivityAsync(() => Priority(), new() { StartToCloseTimeout = TimeSpan.FromSeconds(20) });
            var own = await Workflow.ExecuteActivityAsync(
                () => Priority(), new() { StartToCloseTimeout = TimeSpan.FromSeconds(20), Priority = new(5, "other", null) });
            return $"{inherited}; {own}";
        }
    }

    [Fact]
    public Task Activities_inherit_the_priority_of_their_workflow() => WithWorkerAsync<PassesHeaders>(
        async () =>
        {
            var options = Options();
            options.Priority = new(1, "tenant", null);
            Assert.Equal("1 tenant; 5 other", await Client.ExecuteWorkflowAsync((PassesHeaders wf) => wf.RunAsync(), options));
        },
        options => options.AddActivity(PassesHeaders.Priority));

    [Fact]
    public async Task Tasks_of_higher_priority_are_handed_out_first()
    {
        foreach (var (id, key) in new[] { ("low", 5), ("normal", 0), ("high", 1) })
        {
            var options = Options($"{TaskQueue}-{id}");
            options.Priority = key == 0 ? null : new Priority(key, null, null);
            await Client.StartWorkflowAsync((Mailbox wf) => wf.RunAsync(), options);
        }
        var order = new List<string>();
        for (var count = 0; count < 3; count++)
        {
            var task = await Service.PollWorkflowTaskQueueAsync(new() { Namespace = ServerFixture.Namespace, TaskQueue = new() { Name = TaskQueue } });
            order.Add(task.WorkflowExecution.WorkflowId[(TaskQueue.Length + 1)..]);
            await Client.GetWorkflowHandle(task.WorkflowExecution.WorkflowId).TerminateAsync();
        }
        Assert.Equal(["high", "normal", "low"], order);
    }

    [Fact]
    public async Task Fairness_keys_share_a_queue()
    {
        // Twenty of one tenant stand before two of another; without fairness the two would come last.
        for (var count = 0; count < 22; count++)
        {
            var options = Options($"{TaskQueue}-{(count < 20 ? "many" : "few")}-{count}");
            options.Priority = new(null, count < 20 ? "many" : "few", null);
            await Client.StartWorkflowAsync((Mailbox wf) => wf.RunAsync(), options);
        }
        var order = new List<string>();
        for (var count = 0; count < 22; count++)
        {
            var task = await Service.PollWorkflowTaskQueueAsync(new() { Namespace = ServerFixture.Namespace, TaskQueue = new() { Name = TaskQueue } });
            order.Add(task.WorkflowExecution.WorkflowId);
            await Client.GetWorkflowHandle(task.WorkflowExecution.WorkflowId).TerminateAsync();
        }
        Assert.True(order.FindLastIndex(id => id.Contains("-few-", StringComparison.Ordinal)) < 10, string.Join('\n', order));
    }

    private async Task<List<Temporalio.Client.WorkflowExecution>> ListAsync(string query)
    {
        var found = new List<Temporalio.Client.WorkflowExecution>();
        await foreach (var each in Client.ListWorkflowsAsync(query))
        {
            found.Add(each);
        }
        return found;
    }
}
