using Baton.Durable.Storage;
using Baton.Durable.Visibility;
using Xunit;

namespace Baton.Durable.Tests.Storage;

/// <summary>Lists, counts and pages.</summary>
public abstract partial class StoreCompliance
{
    [Fact]
    public void A_visibility_record_comes_back_as_written()
    {
        var written = Samples.Full(1);
        Commit(batch => batch.Visibility[1] = written);
        Samples.AssertSame(written, Store.Visibility.Get(1)!);
        Samples.AssertSame(written, Assert.Single(List("").Records));

        var open = Samples.Record(2);
        Commit(batch => batch.Visibility[2] = open);
        Samples.AssertSame(open, Store.Visibility.Get(2)!);
    }

    [Fact]
    public void An_update_changes_what_queries_find()
    {
        (string, AttributeType)[] custom = [("Color", AttributeType.Keyword), ("Words", AttributeType.Text)];
        var record = Samples.Record(1) with { Attributes = Samples.Attributes(("Color", Samples.Keyword("red")), ("Words", Samples.Text("one two"))) };
        Commit(batch => batch.Visibility[1] = record);
        record = record with { Status = 2, CloseTime = Samples.Time(50), Attributes = Samples.Attributes(("Color", Samples.Keyword("blue"))) };
        Commit(batch => batch.Visibility[1] = record);
        Samples.AssertSame(record, Store.Visibility.Get(1)!);
        Assert.Equal(0, Count("Color = 'red'", custom));
        Assert.Equal(0, Count("Words = 'two'", custom));
        Assert.Equal(1, Count("Color = 'blue' AND ExecutionStatus = 'Completed'", custom));

        // What never changes in the life of a run may still be corrected.
        record = record with { Id = "renamed", StartTime = Samples.Time(-500), ParentId = "p" };
        Commit(batch => batch.Visibility[1] = record);
        Samples.AssertSame(record, Store.Visibility.Get(1)!);
        Assert.Equal(1, Count("Color = 'blue' AND WorkflowId = 'renamed' AND ParentWorkflowId = 'p'", custom));

        Commit(batch => batch.Visibility[1] = null);
        Assert.Null(Store.Visibility.Get(1));
        Assert.Equal(0, Count("Color = 'blue'", custom));
    }

    [Fact]
    public void The_default_order_is_open_first_then_latest_closed_then_latest_started()
    {
        Commit(batch =>
        {
            batch.Visibility[1] = Samples.Record(1) with { StartTime = Samples.Time(1), CloseTime = Samples.Time(10) };
            batch.Visibility[2] = Samples.Record(2) with { StartTime = Samples.Time(2) };
            batch.Visibility[3] = Samples.Record(3) with { StartTime = Samples.Time(3), CloseTime = Samples.Time(20) };
            batch.Visibility[4] = Samples.Record(4) with { StartTime = Samples.Time(4) };
            batch.Visibility[5] = Samples.Record(5) with { StartTime = Samples.Time(5), CloseTime = Samples.Time(20) };
            batch.Visibility[6] = Samples.Record(6) with { StartTime = Samples.Time(5), CloseTime = Samples.Time(20) };
            batch.Visibility[7] = Samples.Record(7) with { NamespaceId = "other" };
            batch.Visibility[8] = Samples.Record(8) with { Kind = EntityKind.Schedule };
        });
        Assert.Equal([4, 2, 6, 5, 3, 1], Keys(List("").Records));
    }

    [Theory]
    [InlineData("", "1 2 3 4")]
    [InlineData("WorkflowId = 'id-2'", "2")]
    [InlineData("WorkflowId != \"id-2\"", "1 3 4")]
    [InlineData("`WorkflowId` <> 'id-2'", "1 3 4")]
    [InlineData("ScheduleId = 'id-2'", "2")]
    [InlineData("RunId IN ('run-1', 'run-4', 'run-9')", "1 4")]
    [InlineData("RunId NOT IN ('run-1')", "2 3 4")]
    [InlineData("WorkflowId STARTS_WITH 'id-'", "1 2 3 4")]
    [InlineData("WorkflowId starts_with 'id-3'", "3")]
    [InlineData("WorkflowId NOT STARTS_WITH 'id-3'", "1 2 4")]
    [InlineData("WorkflowId STARTS_WITH ''", "1 2 3 4")]
    [InlineData("Color NOT STARTS_WITH ''", "")]
    [InlineData("WorkflowId > 'id-2'", "3 4")]
    [InlineData("WorkflowType = 'Type' AND TaskQueue = 'queue'", "1 2 3 4")]
    [InlineData("ExecutionStatus = 'Running'", "1 4")]
    [InlineData("ExecutionStatus = \"Running\"", "1 4")]
    [InlineData("ExecutionStatus = 'WORKFLOW_EXECUTION_STATUS_RUNNING'", "1 4")]
    [InlineData("ExecutionStatus = 1", "1 4")]
    [InlineData("ExecutionStatus IN ('Completed', 'ContinuedAsNew')", "2")]
    [InlineData("NOT ExecutionStatus = 'Running'", "2 3")]
    [InlineData("StartTime = '2026-01-31T12:00:02Z'", "2")]
    [InlineData("StartTime >= '2026-01-31T13:00:02+01:00' AND StartTime < '2026-01-31T12:00:03.999999999Z'", "2 3")]
    [InlineData("StartTime > 1769860802000000000", "3 4")]
    [InlineData("StartTime BETWEEN '2026-01-31T12:00:02Z' AND '2026-01-31T12:00:03Z'", "2 3")]
    [InlineData("StartTime NOT BETWEEN '2026-01-31T12:00:02Z' AND '2026-01-31T12:00:03Z'", "1 4")]
    [InlineData("CloseTime IS NULL", "1 4")]
    [InlineData("CloseTime IS NOT NULL", "2 3")]
    [InlineData("CloseTime > '2020-01-01T00:00:00Z'", "2 3")]
    [InlineData("NOT CloseTime > '2020-01-01T00:00:00Z'", "")]
    [InlineData("CloseTime BETWEEN '2020-01-01T00:00:00Z' AND '2099-01-01T00:00:00Z'", "2 3")]
    [InlineData("CloseTime != '2020-01-01T00:00:00Z'", "2 3")]
    [InlineData("ExecutionDuration = '1h30m'", "2")]
    [InlineData("ExecutionDuration = '01:30:00'", "2")]
    [InlineData("ExecutionDuration = 5400000000000", "2")]
    [InlineData("ExecutionDuration = '5400000000000'", "2")]
    [InlineData("ExecutionDuration < '10s'", "3")]
    [InlineData("ExecutionDuration < '1d'", "2 3")]
    [InlineData("HistoryLength > 5 AND HistorySizeBytes <= 100", "2")]
    [InlineData("StateTransitionCount = 0", "1 3 4")]
    [InlineData("ParentWorkflowId = 'parent'", "2")]
    [InlineData("ParentWorkflowId != 'parent'", "")]
    [InlineData("ParentWorkflowId IS NULL", "1 3 4")]
    [InlineData("RootRunId = 'root-run'", "2")]
    [InlineData("Color = 'red'", "1")]
    [InlineData("Color != 'red'", "2")]
    [InlineData("Color IS NULL", "3 4")]
    [InlineData("Color IN ('red', 'blue')", "1 2")]
    [InlineData("Color NOT IN ('red', 'green')", "2")]
    [InlineData("Color STARTS_WITH 'b'", "2")]
    [InlineData("Color >= 'c'", "1")]
    [InlineData("Words = 'FOX'", "1")]
    [InlineData("Words = 'cat fox'", "1 2")]
    [InlineData("Words != 'fox'", "2 3 4")]
    [InlineData("Words IS NOT NULL", "1 2 3")]
    [InlineData("Tags = 'a'", "1 2")]
    [InlineData("Tags != 'a'", "3 4")]
    [InlineData("Tags IN ('b', 'c')", "1 2")]
    [InlineData("Tags IS NULL", "3 4")]
    [InlineData("Size = 5", "1")]
    [InlineData("Size = 5.0", "1")]
    [InlineData("Size > -1.5 AND Size < 5.5", "1 2")]
    [InlineData("Size BETWEEN 0 AND 4", "2")]
    [InlineData("Ratio = 0.5", "1")]
    [InlineData("Ratio >= -1e3", "1 2")]
    [InlineData("Done = true", "1")]
    [InlineData("Done != TRUE", "2")]
    [InlineData("Due < '2026-02-01T00:00:00Z'", "1")]
    [InlineData("BuildIds = 'assigned:x'", "3")]
    [InlineData("TemporalBuildIds = 'assigned:x'", "3")]
    [InlineData("SchedulePaused = true", "4")]
    [InlineData("TemporalSchedulePaused = true", "4")]
    [InlineData("Color = 'red' OR Color = 'blue' AND ExecutionStatus = 'Running'", "1")]
    [InlineData("(Color = 'red' OR Color = 'blue') AND ExecutionStatus = 'Completed'", "2")]
    [InlineData("NOT (Color = 'red' OR ExecutionStatus = 'Running')", "2")]
    [InlineData("NOT NOT Color = 'red'", "1")]
    [InlineData("Color = 'it''s' OR Color = 'it\\'s' OR Color = \"it's\"", "")]
    public void A_query_finds(string query, string runKeys)
    {
        (string, AttributeType)[] custom =
        [
            ("Color", AttributeType.Keyword), ("Words", AttributeType.Text), ("Tags", AttributeType.KeywordList), ("Size", AttributeType.Int),
            ("Ratio", AttributeType.Double), ("Done", AttributeType.Bool), ("Due", AttributeType.Datetime),
        ];
        Commit(batch =>
        {
            batch.Visibility[1] = Samples.Record(1) with
            {
                Attributes = Samples.Attributes(
                    ("Color", Samples.Keyword("red")), ("Words", Samples.Text("The quick, brown Fox")), ("Tags", Samples.List("a", "b")),
                    ("Size", new AttributeValue(AttributeType.Int, 5L)), ("Ratio", new AttributeValue(AttributeType.Double, 0.5)),
                    ("Done", new AttributeValue(AttributeType.Bool, true)), ("Due", new AttributeValue(AttributeType.Datetime, Samples.Time(0)))),
            };
            batch.Visibility[2] = Samples.Record(2) with
            {
                Status = 2,
                CloseTime = Samples.Time(2 + 5400),
                HistoryLength = 10,
                HistorySizeBytes = 100,
                StateTransitionCount = 3,
                ParentId = "parent",
                RootRunId = "root-run",
                Attributes = Samples.Attributes(
                    ("Color", Samples.Keyword("blue")), ("Words", Samples.Text("a cat")), ("Tags", Samples.List("a", "c")),
                    ("Size", new AttributeValue(AttributeType.Int, 0L)), ("Ratio", new AttributeValue(AttributeType.Double, -0.0)),
                    ("Done", new AttributeValue(AttributeType.Bool, false)), ("Due", new AttributeValue(AttributeType.Datetime, Samples.Time(1e8)))),
            };
            batch.Visibility[3] = Samples.Record(3) with
            {
                Status = 3,
                CloseTime = Samples.Time(4),
                // A value of another type than the one registered is no value, and an empty list is none either.
                Attributes = Samples.Attributes(("Color", new AttributeValue(AttributeType.Int, 5L)), ("Words", Samples.Text("...")), ("Tags", Samples.List()), ("BuildIds", Samples.List("assigned:x"))),
            };
            batch.Visibility[4] = Samples.Record(4) with { Attributes = Samples.Attributes(("TemporalSchedulePaused", new AttributeValue(AttributeType.Bool, true))) };
        });
        Assert.Equal(runKeys, string.Join(' ', Keys(List(query, custom).Records).Order()));
        Assert.Equal(runKeys.Split(' ', StringSplitOptions.RemoveEmptyEntries).Length, Count(query, custom));
    }

    [Theory]
    [InlineData("")]
    [InlineData("ORDER BY StartTime")]
    [InlineData("ORDER BY CloseTime ASC, WorkflowId DESC")]
    [InlineData("ORDER BY Score")]
    [InlineData("ORDER BY Score DESC, Color")]
    [InlineData("Score > 1 ORDER BY ParentWorkflowId DESC")]
    public void Pages_of_any_order_neither_repeat_nor_miss_while_records_come_and_go(string query)
    {
        (string, AttributeType)[] custom = [("Score", AttributeType.Double), ("Color", AttributeType.Keyword)];
        var random = new Random(3);
        Commit(batch =>
        {
            for (var i = 1; i <= 60; i++)
            {
                batch.Visibility[i] = Samples.Random(random, i);
            }
        });
        var whole = Keys(List(query, custom).Records);
        Assert.True(whole.Length > 20);
        var paged = new List<long>();
        ReadOnlyMemory<byte> next = default;
        long added = 1_000;
        do
        {
            var page = Store.Visibility.List(EntityKind.Workflow, "ns", Samples.Query(query, custom), 7, next);
            paged.AddRange(Keys(page.Records));
            next = page.Next;
            // A record comes somewhere, and one that was already listed goes.
            Commit(batch =>
            {
                batch.Visibility[added] = Samples.Random(random, added);
                batch.Visibility[paged[^1]] = null;
            });
            added++;
        }
        while (!next.IsEmpty);
        Assert.Equal(whole, paged.Where(key => key < 1_000));
        Assert.Equal(paged.Distinct(), paged);
    }

    [Fact]
    public void A_position_that_was_changed_or_is_of_another_list_is_refused()
    {
        Commit(batch =>
        {
            for (var i = 1; i <= 5; i++)
            {
                batch.Visibility[i] = Samples.Record(i);
            }
        });
        var next = Page("ns", "", default).Next;
        for (var i = 0; i < next.Length; i++)
        {
            var changed = next.ToArray();
            changed[i] ^= 1;
            Assert.Throws<VisibilityQueryException>(() => Page("ns", "", changed));
        }
        Assert.Throws<VisibilityQueryException>(() => Page("ns", "", next[..^1]));
        Assert.Throws<VisibilityQueryException>(() => Page("ns", "", new byte[] { 1 }));
        Assert.Throws<VisibilityQueryException>(() => Page("other", "", next));
        Assert.Throws<VisibilityQueryException>(() => Page("ns", "ORDER BY StartTime", next));

        VisibilityPage Page(string namespaceId, string query, ReadOnlyMemory<byte> after) =>
            Store.Visibility.List(EntityKind.Workflow, namespaceId, Samples.Query(query), 2, after);
    }

    [Fact]
    public void The_largest_queries_that_parse_are_answered()
    {
        Commit(batch => batch.Visibility[1] = Samples.Record(1));
        Assert.Equal(1, Count(string.Join(" AND ", Enumerable.Repeat("WorkflowId STARTS_WITH 'id'", VisibilityParser.MaxPredicates))));
        Assert.Equal(1, Count(string.Join(" OR ", Enumerable.Range(1, VisibilityParser.MaxPredicates).Select(i => $"WorkflowId = 'id-{i}'"))));
        Assert.Equal(1, Count($"HistoryLength IN ({string.Join(',', Enumerable.Range(0, VisibilityParser.MaxValues))})"));
        var depth = VisibilityParser.MaxDepth - 1;
        var nested = string.Concat(Enumerable.Repeat("(WorkflowId = 'x' OR ", depth)) + "WorkflowId = 'id-1'" + new string(')', depth);
        Assert.Equal(1, Count(nested + string.Concat(Enumerable.Repeat(" AND Color IS NULL", VisibilityParser.MaxPredicates - depth - 1)), ("Color", AttributeType.Keyword)));
        Assert.Single(List(nested + " ORDER BY Color, StartTime DESC", ("Color", AttributeType.Keyword)).Records);
    }

    [Fact]
    public void The_last_page_has_no_next()
    {
        Commit(batch =>
        {
            for (var i = 1; i <= 4; i++)
            {
                batch.Visibility[i] = Samples.Record(i);
            }
        });
        var page = Store.Visibility.List(EntityKind.Workflow, "ns", VisibilityQuery.All, 4, default);
        Assert.Equal(4, page.Records.Count);
        Assert.True(page.Next.IsEmpty);
        Assert.Empty(Store.Visibility.List(EntityKind.Workflow, "never", VisibilityQuery.All, 4, default).Records);
    }

    [Fact]
    public void Groups_are_counted()
    {
        (string, AttributeType)[] custom = [("Color", AttributeType.Keyword)];
        Commit(batch =>
        {
            for (var i = 1; i <= 6; i++)
            {
                batch.Visibility[i] = Samples.Record(i) with
                {
                    Status = i <= 4 ? 1 : 2,
                    Attributes = i % 2 == 0 ? Samples.Attributes(("Color", Samples.Keyword("red"))) : Samples.Attributes(),
                };
            }
        });
        Assert.Equal(["Completed: 2", "Running: 4"], Groups("GROUP BY ExecutionStatus"));
        Assert.Equal([": 3", "red: 3"], Groups("GROUP BY Color"));
        Assert.Equal([",Completed: 1", ",Running: 2", "red,Completed: 1", "red,Running: 2"], Groups("WorkflowId STARTS_WITH 'id' GROUP BY Color, ExecutionStatus"));
        Assert.Empty(Store.Visibility.CountGroups(EntityKind.Workflow, "never", Samples.Query("GROUP BY ExecutionStatus")));

        IEnumerable<string> Groups(string query) => Store.Visibility.CountGroups(EntityKind.Workflow, "ns", Samples.Query(query, custom))
            .Select(group => $"{string.Join(',', group.Values.Select(value => value?.Value))}: {group.Count}").Order(StringComparer.Ordinal);
    }

    private VisibilityPage List(string query, params (string, AttributeType)[] custom) =>
        Store.Visibility.List(EntityKind.Workflow, "ns", Samples.Query(query, custom), 1_000, default);

    private long Count(string query, params (string, AttributeType)[] custom) =>
        Store.Visibility.Count(EntityKind.Workflow, "ns", Samples.Query(query, custom));

    private static long[] Keys(IEnumerable<VisibilityRecord> records) => [.. records.Select(record => record.RunKey)];
}
