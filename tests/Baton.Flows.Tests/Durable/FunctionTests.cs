using Baton.Flows.Durable;
using Baton.Flows.Hosting;
using Baton.Flows.Interpret;
using Baton.Flows.Tests.Support;
using Baton.Jq;
using Microsoft.Data.Sqlite;
using Temporalio.Activities;
using Temporalio.Worker;

namespace Baton.Flows.Tests.Durable;

/// <summary>Functions of the catalogue that need more than the flow itself.</summary>
public sealed class FunctionTests(DurableFixture durable) : IClassFixture<DurableFixture>
{
    private const string Head = "document: { dsl: 1.0.3, namespace: tests, name: functions, version: 1.0.0 }\n";

    [Activity]
    public static string Join(string a, int b) => $"{a}-{b}";

    [Fact]
    public async Task Activity_runs_on_any_worker()
    {
        var queue = $"other-{Guid.NewGuid():N}";
        using var other = new TemporalWorker(durable.Client, new TemporalWorkerOptions(queue).AddActivity(Join));
        var result = await other.ExecuteAsync(() => durable.RunAsync(new RunRequest(
            Head + "do: [ { go: { call: 'activity:1.0.0@default', with: { name: Join, taskQueue: '${ .queue }', arguments: ['${ .text }', 2], timeout: PT1M } } } ]",
            JqValue.FromObject([new("queue", queue), new("text", "x")]))));
        Assert.Equal("\"x-2\"", result.Output.ToJson());
    }

    [Fact]
    public async Task Workflow_executes_another_workflow()
    {
        var queue = $"inner-{Guid.NewGuid():N}";
        using var inner = new FlowWorker(durable.Client, durable.Host(new RunRequest("", default), new RecordingBus()), queue);
        var definition = Head + "do: [ { twice: { set: { twice: '${ .n * 2 }' } } } ]";
        var result = await inner.ExecuteAsync(() => durable.RunAsync(new RunRequest(
            Head + "do: [ { go: { call: 'workflow:1.0.0@default', with: { action: execute, type: BatonFlow, taskQueue: '${ .queue }', arguments: [ { Definition: '${ .definition }', Input: { n: 4 } } ] } } } ]",
            JqValue.FromObject([new("queue", queue), new("definition", definition)]))));
        Assert.Equal("""{"twice":8}""", result.Output.ToJson());
    }

    [Fact]
    public async Task Sql_takes_parameters_and_never_text()
    {
        using var keep = new SqliteConnection("Data Source=flow-functions;Mode=Memory;Cache=Shared");
        keep.Open();
        using (var create = keep.CreateCommand())
        {
            create.CommandText = "create table people (id integer, name text); insert into people values (1, 'Ann'), (2, 'Bo')";
            create.ExecuteNonQuery();
        }
        var host = new FlowHost { Databases = name => name == "people" ? new SqliteConnection(keep.ConnectionString) : null };
        var result = await durable.RunAsync(new RunRequest(Head + """
            do:
            - add: { call: 'sql:1.0.0@default', with: { database: people, statement: 'insert into people values (@id, @name)', parameters: { id: 3, name: "x'); drop table people; --" } }, output: { as: .affected } }
            - find: { call: 'sql:1.0.0@default', with: { database: people, statement: 'select id, name from people where id >= @from order by id', parameters: { from: 2 } }, output: { as: "${ { added: $input, rows: .rows } }" } }
            """, JqValue.FromObject([])), host: host);
        Assert.Equal("""{"added":1,"rows":[{"id":2,"name":"Bo"},{"id":3,"name":"x'); drop table people; --"}]}""", result.Output.ToJson());
        var unknown = await durable.RunAsync(new RunRequest(Head + "do: [ { go: { call: 'sql:1.0.0@default', with: { database: none, statement: select 1 } } } ]", JqValue.FromObject([])), host: host);
        Assert.Equal((FlowStatus.Faulted, 400), (unknown.Status, unknown.Error!.Status));
    }
}
