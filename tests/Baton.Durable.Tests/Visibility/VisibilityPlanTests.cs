using Baton.Durable.Storage;
using Baton.Durable.Storage.Sqlite;
using Baton.Durable.Tests.Storage;
using Baton.Durable.Visibility;
using Xunit;

namespace Baton.Durable.Tests.Visibility;

/// <summary>That the queries which consoles and tools ask all day are answered from an index, whatever the file holds.</summary>
public sealed class VisibilityPlanTests : IDisposable
{
    private readonly TempDirectory directory = new();

    public void Dispose() => directory.Dispose();

    [Theory]
    [InlineData("", "visibility_in_order", true)]
    [InlineData("ExecutionStatus = 'Running'", "visibility_by_status", true)]
    [InlineData("WorkflowType = 'Deploy'", "visibility_by_type", true)]
    [InlineData("WorkflowType = 'Deploy' AND ExecutionStatus = 'Running'", "visibility_by_", true)]
    [InlineData("CloseTime > '2026-01-31T00:00:00Z'", "visibility_in_order", true)]
    [InlineData("CloseTime BETWEEN '2026-01-31T00:00:00Z' AND '2026-02-01T00:00:00Z'", "visibility_in_order", true)]
    [InlineData("WorkflowId = 'id'", "visibility_by_id", false)]
    [InlineData("WorkflowId = 'id' AND ExecutionStatus = 'Running'", "visibility_by_id", false)]
    [InlineData("RunId = 'id'", "visibility_by_run_id", false)]
    [InlineData("ParentWorkflowId = 'id'", "visibility_by_parent", false)]
    [InlineData("Color = 'red'", "visibility_values_by_value", false)]
    [InlineData("Color = 'red' AND ExecutionStatus = 'Running'", "visibility_values_by_value", false)]
    [InlineData("StartTime > '2026-01-31T00:00:00Z' ORDER BY StartTime DESC", "visibility_by_start", true)]
    public async Task A_usual_query_uses_an_index(string query, string index, bool inOrder)
    {
        var file = directory.File("baton.db");
        await SqliteStore.Open(file).DisposeAsync();
        var parsed = Samples.Query(query, ("Color", AttributeType.Keyword));
        var ordering = new VisibilityOrdering(EntityKind.Workflow, "ns", parsed);
        VisibilitySql first = VisibilitySql.List("*", 1, EntityKind.Workflow, parsed, ordering, null, 20, _ => 1);
        VisibilitySql next = VisibilitySql.List("*", 1, EntityKind.Workflow, parsed, ordering, ordering.Read(ordering.PositionOf(Samples.Record(1))), 20, _ => 1);
        foreach (var sql in (VisibilitySql[])[first, next])
        {
            var plan = Explain(file, sql);
            Assert.Contains(index, plan, StringComparison.Ordinal);
            // Sorting what an index did not order means reading all of it for a page.
            Assert.Equal(inOrder, !plan.Contains("TEMP B-TREE FOR ORDER BY", StringComparison.Ordinal));
            Assert.DoesNotContain("SCAN v", plan, StringComparison.Ordinal);
        }
    }

    private static string Explain(string file, VisibilitySql sql)
    {
        using var connection = new SqliteConnection(file);
        using var rows = connection.Prepare("EXPLAIN QUERY PLAN " + sql.Text).Begin();
        foreach (var value in sql.Parameters)
        {
            rows.BindValue(value);
        }

        var plan = new List<string>();
        while (rows.Step())
        {
            plan.Add(rows.Text(3));
        }

        return string.Join('\n', plan);
    }
}
