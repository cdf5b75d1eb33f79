using System.Net;
using System.Text.Json.Nodes;
using Baton.Server.Errors;
using Baton.Server.Tests.Flows;

namespace Baton.Server.Tests.GraphQl;

/// <summary>Each bound of GraphQL, with what a client sees of it; and who may ask for what.</summary>
public sealed class GraphLimitTests(SharedServer shared) : IClassFixture<SharedServer>
{
    private readonly TestServer server = shared.Server;

    [Fact]
    public async Task A_query_nests_20_levels_at_most()
    {
        // Types of the API nest a few levels only: the schema itself nests without end.
        static string Nested(int levels) => $"{{ __type(name: \"RunPage\") {{ fields {{ name type {string.Concat(Enumerable.Repeat("{ ofType ", levels))} {{ name }} {string.Concat(Enumerable.Repeat("}", levels))} }} }} }}";

        Assert.Equal(HttpStatusCode.OK, (await GraphTests.QueryAsync(server.Http, Nested(10))).Status);
        var (status, body) = await GraphTests.QueryAsync(server.Http, Nested(30));

        Assert.Equal(HttpStatusCode.BadRequest, status);
        Assert.Matches("too nested|depth|Depth", Message(body));
    }

    [Fact]
    public async Task A_query_costs_10000_fields_at_most()
    {
        static string Wide(int fields) => $"{{ {string.Concat(Enumerable.Range(0, fields).Select(i => $"f{i}: runs(limit: 200) {{ items {{ id status startedAt endedAt }} }} "))} }}";

        Assert.Equal(HttpStatusCode.OK, (await GraphTests.QueryAsync(server.Http, Wide(3))).Status);
        var (status, body) = await GraphTests.QueryAsync(server.Http, Wide(400));

        Assert.Equal(HttpStatusCode.BadRequest, status);
        Assert.Matches("too complex", Message(body));
    }

    [Theory]
    [InlineData("{ runs(limit: 201) { items { id } } }", ErrorCodes.InvalidInput)]
    [InlineData("{ runs(limit: 0) { items { id } } }", ErrorCodes.InvalidInput)]
    [InlineData("{ tasks(limit: 1000) { total } }", ErrorCodes.InvalidInput)]
    [InlineData("{ events(limit: 1001) { next } }", ErrorCodes.InvalidInput)]
    [InlineData("{ events(type: \"a.>.b\") { next } }", ErrorCodes.InvalidInput)]
    [InlineData("{ events(order: \"up\") { next } }", ErrorCodes.InvalidInput)]
    [InlineData("{ runs(cursor: \"x\") { items { id } } }", ErrorCodes.InvalidInput)]
    [InlineData("{ flow(namespace: \"a\", name: \"b\") { name } }", ErrorCodes.NotFound)]
    [InlineData("{ task(id: \"00000000-0000-0000-0000-000000000000\") { title } }", ErrorCodes.NotFound)]
    public async Task A_field_that_cannot_be_answered_is_null_with_the_code_of_the_error(string query, string code)
    {
        var (status, body) = await GraphTests.QueryAsync(server.Http, query);

        Assert.Equal(HttpStatusCode.OK, status);
        Assert.StartsWith(code, Message(body), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("{ runs { items { nothing } } }")]
    [InlineData("{ runs(limit: \"ten\") { items { id } } }")]
    [InlineData("{ runs { items } }")]
    [InlineData("{ runs {")]
    [InlineData("mutation { x }")]
    [InlineData("query A { flows { name } } query B { flows { name } }")]
    [InlineData("query($id: String!) { run(id: $id) { status } }")]
    [InlineData("{ ...A } fragment A on GraphQuery { ...A }")]
    public async Task What_is_no_query_of_the_schema_is_refused_before_anything_is_read(string query)
    {
        var (status, body) = await GraphTests.QueryAsync(server.Http, query);

        Assert.Equal(HttpStatusCode.BadRequest, status);
        Assert.NotEmpty(Message(body));
        Assert.Null(body["data"]);
    }

    [Theory]
    [InlineData("""{"query":"{flows{name}}","query":"{runs{items{id}}}"}""")]
    [InlineData("[]")]
    [InlineData("{\"query\":7}")]
    [InlineData("{}")]
    [InlineData("{\"query\":\"{flows{name}}\",\"variables\":7}")]
    public async Task What_is_no_request_is_a_problem(string body)
    {
        using var content = new StringContent(body, System.Text.Encoding.UTF8, "application/json");
        using var response = await server.Http.PostAsync(new Uri("graphql", UriKind.Relative), content);

        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        Assert.Contains(ErrorCodes.InvalidInput, await response.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_request_has_a_size_at_most()
    {
        using var content = new StringContent($"{{\"query\":\"{{flows{{name}}}} #{new string('x', 2_000_000)}\"}}", System.Text.Encoding.UTF8, "application/json");
        using var response = await server.Http.PostAsync(new Uri("graphql", UriKind.Relative), content);

        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, response.StatusCode);
    }

    [Fact]
    public async Task The_schema_is_for_those_who_may_query_and_each_field_for_those_who_may_read_it()
    {
        const string Schema = "{ __schema { queryType { name } } }";
        using var nobody = server.As(null);
        using var stranger = await server.AsNewAsync(null);
        using var viewer = await server.AsNewAsync("viewer");
        using var limited = await server.AsNewAsync("viewer", null, "runs.read");
        await server.Http.ApplyAsync("default/greet", FlowApiTests.Greet);
        using var granted = await server.AsNewAsync(null, "granted");
        await server.Http.CallAsync(HttpMethod.Put, "users/granted/roles/operator?flow=other/*");

        Assert.Equal(HttpStatusCode.Unauthorized, (await GraphTests.QueryAsync(nobody, Schema)).Status);
        Assert.Equal(HttpStatusCode.Forbidden, (await GraphTests.QueryAsync(stranger, Schema)).Status);
        Assert.Null((await GraphTests.QueryAsync(viewer, Schema)).Body["errors"]);
        Assert.Null((await GraphTests.QueryAsync(limited, "{ runs { items { id } } }")).Body["errors"]);
        foreach (var field in new[] { "tasks { total }", "events { next }", "flows { name }" })
        {
            Assert.StartsWith(ErrorCodes.Forbidden, Message((await GraphTests.QueryAsync(limited, $"{{ {field} }}")).Body), StringComparison.Ordinal);
        }
        // A grant on some flows shows these and their tasks, and not the events of all.
        await server.Http.PostAsync("tasks", """{"kind":"approval","title":"of nobody's flow"}""");
        Assert.Empty((JsonArray)(await GraphTests.QueryAsync(granted, "{ flows { name } }")).Body["data"]!["flows"]!);
        Assert.Equal(0, (int)(await GraphTests.QueryAsync(granted, "{ tasks { total } }")).Body["data"]!["tasks"]!["total"]!);
        Assert.StartsWith(ErrorCodes.Forbidden, Message((await GraphTests.QueryAsync(granted, "{ events { next } }")).Body), StringComparison.Ordinal);
        var live = await granted.CallAsync(HttpMethod.Get, "live?topics=events");
        Assert.Equal(HttpStatusCode.Forbidden, live.Status);
    }

    private static string Message(JsonNode body) => (string)body["errors"]![0]!["message"]!;
}
