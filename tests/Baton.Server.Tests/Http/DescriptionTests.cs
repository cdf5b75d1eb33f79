using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Baton.Server.Http;
using Microsoft.AspNetCore.Http.Json;
using Microsoft.AspNetCore.Http.Metadata;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace Baton.Server.Tests.Http;

/// <summary>What /openapi/v1.json says of each operation: all that a person, or a generator of clients, needs to call it.</summary>
public sealed partial class DescriptionTests(SharedServer shared) : IClassFixture<SharedServer>
{
    private readonly TestServer server = shared.Server;

    [Fact]
    public async Task Every_operation_is_described_whole()
    {
        var document = await DocumentAsync();
        Assert.Matches("^3\\.1", (string?)document["openapi"]);
        var tags = ((JsonArray)document["tags"]!).Select(tag => (string)tag!["name"]!).ToHashSet();
        var problems = new List<string>();
        foreach (var (name, path, method, operation) in Operations(document))
        {
            Check(name, OperationId().IsMatch((string?)operation["operationId"] ?? ""), "has no operation id, verb first");
            Check(name, ((string?)operation["summary"])?.EndsWith('.') == true, "has no summary");
            Check(name, ((string?)operation["description"])?.EndsWith('.') == true, "has no description");
            Check(name, operation["tags"] is JsonArray { Count: 1 } given && tags.Contains((string)given[0]!), "has no tag that is described");
            foreach (var parameter in operation["parameters"] as JsonArray ?? [])
            {
                Check(name, parameter!["description"] is not null, $"does not say what {parameter["name"]} is");
            }
            var answers = (JsonObject)operation["responses"]!;
            Check(name, answers.Any(answer => answer.Key.StartsWith('2')), "has no answer");
            Check(name, answers.Where(answer => answer.Key.StartsWith('2')).All(answer => answer.Key == "204" || answer.Value!["content"] is JsonObject), "does not say what it answers");
            foreach (var status in new[] { "400", "401", "403", "404", "409", "429" })
            {
                Check(name, answers[status]?["content"]?["application/problem+json"] is not null, $"does not describe {status}");
            }
            Check(name, operation["security"] is JsonArray, "does not say who may call");
            if (operation["requestBody"]?["content"] is JsonObject bodies)
            {
                Check(name, bodies.All(body => body.Value!["example"] is not null), "has no example of its body");
            }
            if (method == "post" && operation["security"] is JsonArray { Count: > 0 })
            {
                Check(name, (operation["parameters"] as JsonArray)?.Any(parameter => (string?)parameter!["name"] == "Idempotency-Key") == true, "does not say that it takes an Idempotency-Key");
            }
        }
        Assert.True(problems.Count == 0, string.Join('\n', problems));

        void Check(string operation, bool isSo, string problem) => problems.AddRange(isSo ? [] : [$"{operation} {problem}"]);
    }

    [Fact]
    public async Task Operation_ids_are_unique_and_stay_as_clients_know_them()
    {
        var found = Operations(await DocumentAsync()).Select(operation => $"{operation.Operation["operationId"]} {operation.Name}").Order(StringComparer.Ordinal).ToArray();

        Assert.Equal(found.Length, found.Select(line => line.Split(' ')[0]).Distinct(StringComparer.OrdinalIgnoreCase).Count());
        var expected = await File.ReadAllLinesAsync(Path.Combine(AppContext.BaseDirectory, "Http", "operations.txt"));
        Assert.True(expected.SequenceEqual(found), $"Not in operations.txt: {string.Join("; ", found.Except(expected))}. In it only: {string.Join("; ", expected.Except(found))}");
    }

    [Fact]
    public async Task Examples_are_read_as_what_they_are_examples_of()
    {
        var json = server.Server.Services.GetRequiredService<IOptions<JsonOptions>>().Value.SerializerOptions;
        var checkedTypes = 0;
        foreach (var endpoint in server.Server.Services.GetRequiredService<EndpointDataSource>().Endpoints)
        {
            if (endpoint.Metadata.GetMetadata<RequestExample>() is { } example && endpoint.Metadata.GetMetadata<IAcceptsMetadata>()?.RequestType is { } type && type != typeof(string))
            {
                Assert.NotNull(JsonSerializer.Deserialize(example.Json, type, json));
                checkedTypes++;
            }
        }
        Assert.True(checkedTypes > 15);
    }

    [Fact]
    public async Task Schemas_say_what_an_answer_always_has_and_refer_to_nothing_that_is_not_there()
    {
        var document = await DocumentAsync();
        var schemas = (JsonObject)document["components"]!["schemas"]!;

        Assert.Contains("status", ((JsonArray)schemas["RunSummary"]!["required"]!).Select(name => (string?)name));
        Assert.Contains("endedAt", ((JsonArray)schemas["RunSummary"]!["required"]!).Select(name => (string?)name));
        Assert.Null(schemas["StartRun"]!["required"]);
        Assert.Equal("integer", (string?)schemas["RunStep"]!["properties"]!["number"]!["type"]);
        Assert.All(Reference().Matches(document.ToJsonString()), match => Assert.True(schemas.ContainsKey(match.Groups[1].Value), $"there is no schema {match.Groups[1].Value}"));
    }

    private async Task<JsonNode> DocumentAsync() => JsonNode.Parse(await server.Http.GetStringAsync(new Uri("openapi/v1.json", UriKind.Relative)))!;

    private static IEnumerable<(string Name, string Path, string Method, JsonNode Operation)> Operations(JsonNode document) =>
        from path in (JsonObject)document["paths"]!
        from method in (JsonObject)path.Value!
        select ($"{method.Key.ToUpperInvariant()} {path.Key}", path.Key, method.Key, method.Value!);

    [GeneratedRegex("^[a-z]+([A-Z][a-z]+)*$")]
    private static partial Regex OperationId();

    [GeneratedRegex("\"#/components/schemas/([^\"]+)\"")]
    private static partial Regex Reference();
}
