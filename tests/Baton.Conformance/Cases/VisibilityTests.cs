namespace Baton.Conformance.Cases;

/// <summary>Lists and counts, and the query language behind them.</summary>
public class VisibilityTests(ServerFixture server) : ConformanceTest(server)
{
    [Fact]
    public async Task The_query_language_selects_by_every_kind_of_clause()
    {
        // 0..5; even ones are closed.
        var handles = new List<WorkflowHandle>();
        for (var index = 0; index < 6; index++)
        {
            var options = Options($"{TaskQueue}-{index}");
            options.TypedSearchAttributes = new SearchAttributeCollection.Builder()
                .Set(TestAttributes.Long, index).Set(TestAttributes.Keyword, index < 3 ? "lower" : "upper").Set(TestAttributes.Double, index / 2.0)
                .Set(TestAttributes.Bool, index == 5).Set(TestAttributes.Text, $"the quick fox number{index}").Set(TestAttributes.Keywords, ["all", $"k{index}"])
                .Set(TestAttributes.Time, DateTimeOffset.UnixEpoch.AddDays(index)).ToSearchAttributeCollection();
            var handle = await Client.StartWorkflowAsync((Mailbox wf) => wf.RunAsync(), options);
            handles.Add(handle);
            if (index % 2 == 0)
            {
                await handle.TerminateAsync();
            }
        }
        var start = (await handles[3].DescribeAsync()).StartTime;
        foreach (var (query, expected) in new (string, int[])[]
        {
            ("ConformanceLong = 3", [3]),
            ("ConformanceLong != 3", [0, 1, 2, 4, 5]),
            ("ConformanceLong >= 2 AND ConformanceLong < 4", [2, 3]),
            ("ConformanceLong BETWEEN 1 AND 3", [1, 2, 3]),
            ("ConformanceLong IN (0, 5)", [0, 5]),
            ("ConformanceLong NOT IN (0, 5)", [1, 2, 3, 4]),
            ("ConformanceDouble > 1.75", [4, 5]),
            ("ConformanceKeyword = 'lower'", [0, 1, 2]),
            ("ConformanceKeyword STARTS_WITH 'up'", [3, 4, 5]),
            ("ConformanceKeyword NOT STARTS_WITH 'up'", [0, 1, 2]),
            ("ConformanceKeywords = 'k4'", [4]),
            ("ConformanceKeywords IN ('k1', 'k2')", [1, 2]),
            ("ConformanceBool = true", [5]),
            ("ConformanceText = 'number2'", [2]),
            ("ConformanceTime < '1970-01-03T00:00:00Z'", [0, 1]),
            ("ConformanceLong IS NULL", []),
            ("ConformanceLong IS NOT NULL", [0, 1, 2, 3, 4, 5]),
            ("ExecutionStatus = 'Running'", [1, 3, 5]),
            ("ExecutionStatus = 'Terminated' OR ConformanceLong = 1", [0, 1, 2, 4]),
            ("ExecutionStatus IN ('Terminated', 'Completed')", [0, 2, 4]),
            ("NOT (ConformanceLong = 1 OR ConformanceLong = 2)", [0, 3, 4, 5]),
            ("CloseTime IS NULL", [1, 3, 5]),
            ("WorkflowType = 'Mailbox' AND ExecutionStatus = 1", [1, 3, 5]),
            ($"StartTime >= '{start:O}' AND ConformanceLong <= 4", [3, 4]),
            ($"WorkflowId = '{TaskQueue}-2'", [2]),
            ($"WorkflowId STARTS_WITH '{TaskQueue}-'", [0, 1, 2, 3, 4, 5]),
            ($"RunId = '{handles[1].ResultRunId}'", [1]),
            ("`ConformanceLong` = 3 and WorkflowType = \"Mailbox\"", [3]),
        })
        {
            var found = await IndexesAsync($"TaskQueue = '{TaskQueue}' AND ({query})");
            Assert.True(found.SequenceEqual(expected), $"{query}: {string.Join(',', found)}");
            Assert.Equal(expected.Length, (await Client.CountWorkflowsAsync($"TaskQueue = '{TaskQueue}' AND ({query})")).Count);
        }
        foreach (var index in new[] { 1, 3, 5 })
        {
            await handles[index].TerminateAsync();
        }
    }

    [Fact]
    public async Task Lists_come_open_first_then_by_time_and_in_pages()
    {
        for (var index = 0; index < 7; index++)
        {
            var handle = await Client.StartWorkflowAsync((Mailbox wf) => wf.RunAsync(), Options($"{TaskQueue}-{index}"));
            if (index % 2 == 0)
            {
                await handle.TerminateAsync();
            }
        }
        var found = new List<string>();
        byte[]? token = null;
        var pages = 0;
        do
        {
            var page = await Client.ListWorkflowsPaginatedAsync($"TaskQueue = '{TaskQueue}'", token, new() { PageSize = 3 });
            found.AddRange(page.Workflows.Select(each => each.Id[(TaskQueue.Length + 1)..]));
            token = page.NextPageToken;
            pages++;
        }
        while (token is { Length: > 0 });
        Assert.Equal(["5", "3", "1", "6", "4", "2", "0"], found);
        Assert.InRange(pages, 3, 4);
    }

    [Fact]
    public async Task Counts_are_grouped_by_status()
    {
        for (var index = 0; index < 5; index++)
        {
            var handle = await Client.StartWorkflowAsync((Mailbox wf) => wf.RunAsync(), Options());
            if (index < 2)
            {
                await handle.TerminateAsync();
            }
        }
        var count = await Client.CountWorkflowsAsync($"TaskQueue = '{TaskQueue}' GROUP BY ExecutionStatus");
        Assert.Equal(5, count.Count);
        Assert.Equal(
            [("Running", 3L), ("Terminated", 2L)],
            count.Groups.Select(group => ((string)group.GroupValues.Single(), group.Count)).Order());
    }

    [Fact]
    public async Task Legacy_lists_filter_by_type_id_and_status()
    {
        var open = await Client.StartWorkflowAsync((Mailbox wf) => wf.RunAsync(), Options());
        var closed = await Client.StartWorkflowAsync((Mailbox wf) => wf.RunAsync(), Options());
        await closed.TerminateAsync();
        var any = new Temporalio.Api.Filter.V1.StartTimeFilter();
        var opened = await Service.ListOpenWorkflowExecutionsAsync(new()
        {
            Namespace = ServerFixture.Namespace, StartTimeFilter = any, ExecutionFilter = new() { WorkflowId = open.Id },
        });
        Assert.Equal(open.ResultRunId, Assert.Single(opened.Executions).Execution.RunId);
        var closedOnes = await Service.ListClosedWorkflowExecutionsAsync(new()
        {
            Namespace = ServerFixture.Namespace, StartTimeFilter = any, ExecutionFilter = new() { WorkflowId = closed.Id },
        });
        Assert.Equal(WorkflowExecutionStatus.Terminated, Assert.Single(closedOnes.Executions).Status);
        var none = await Service.ListClosedWorkflowExecutionsAsync(new()
        {
            Namespace = ServerFixture.Namespace, StartTimeFilter = any, ExecutionFilter = new() { WorkflowId = open.Id },
        });
        Assert.Empty(none.Executions);
        await open.TerminateAsync();
    }

    [Theory]
    [InlineData("WorkflowId = ")]
    [InlineData("NoSuchAttribute = 'x'")]
    [InlineData("WorkflowId == 'x' AND")]
    [InlineData("ExecutionStatus = 'NoSuchStatus'")]
    [InlineData("StartTime > 'yesterday'")]
    [InlineData("WorkflowId = 'x' GROUP BY WorkflowType")]
    [InlineData("select * from executions")]
    public async Task A_broken_query_is_an_invalid_argument(string query)
    {
        var error = await RpcErrorAsync(RpcException.StatusCode.InvalidArgument, () => Service.ListWorkflowExecutionsAsync(
            new() { Namespace = ServerFixture.Namespace, Query = query }));
        Assert.Contains("query", error.Message, StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public async Task Search_attributes_are_added_listed_and_removed()
    {
        var name = $"Added{Guid.NewGuid():N}";
        await Client.OperatorService.AddSearchAttributesAsync(new()
        {
            Namespace = ServerFixture.Namespace, SearchAttributes = { [name] = IndexedValueType.Keyword },
        });
        var listed = await Client.OperatorService.ListSearchAttributesAsync(new() { Namespace = ServerFixture.Namespace });
        Assert.Equal(IndexedValueType.Keyword, listed.CustomAttributes[name]);
        Assert.Equal(IndexedValueType.Keyword, listed.SystemAttributes["WorkflowId"]);
        await RpcErrorAsync(RpcException.StatusCode.InvalidArgument, () => Client.OperatorService.AddSearchAttributesAsync(new()
        {
            Namespace = ServerFixture.Namespace, SearchAttributes = { ["WorkflowId"] = IndexedValueType.Keyword },
        }));
        await Client.OperatorService.RemoveSearchAttributesAsync(new() { Namespace = ServerFixture.Namespace, SearchAttributes = { name } });
        Assert.DoesNotContain(name, (await Client.OperatorService.ListSearchAttributesAsync(new() { Namespace = ServerFixture.Namespace })).CustomAttributes.Keys);
        await RpcErrorAsync(RpcException.StatusCode.NotFound, () => Client.OperatorService.RemoveSearchAttributesAsync(
            new() { Namespace = ServerFixture.Namespace, SearchAttributes = { name } }));
    }

    private async Task<IReadOnlyList<int>> IndexesAsync(string query)
    {
        var found = new List<int>();
        await foreach (var each in Client.ListWorkflowsAsync(query))
        {
            found.Add(int.Parse(each.Id[(TaskQueue.Length + 1)..], null));
        }
        return [.. found.Order()];
    }
}
