using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Baton.Server.Data;
using Baton.Server.Flows;
using Baton.Server.Tests.Flows;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.DependencyInjection;

namespace Baton.Server.Tests.Http;

/// <summary>
/// Every operation of the OpenAPI document with what it does not ask for: no token, ids of nobody, wrong types, sizes,
/// encodings, doubled keys, deep nesting. Nothing may fail in an unforeseen way, tell of the inside, or change anything.
/// </summary>
public sealed class FuzzTests
{
    private static readonly string[] Ids = ["nobody", "00000000-0000-0000-0000-000000000000", "..%2F..%2Fetc", "%E2%98%83%00", new('a', 3000), "'%20OR%201=1%20--", "%25s%25n", "-1"];

    private static readonly string[] Values = ["", "-1", "99999999999999999999", "1e999", "true", "[]", "%00", "%F0%9F%92%A9", new('9', 5000), "'%22%3Cscript%3E", "2026-13-45T99:00:00Z"];

    private static readonly byte[][] Bodies =
    [
        [], "null"u8.ToArray(), "[]"u8.ToArray(), "42"u8.ToArray(), "\"text\""u8.ToArray(), "{"u8.ToArray(), "{\"a\":1,\"a\":2}"u8.ToArray(), [0xff, 0xfe, 0x00, 0x7b],
        "{\"id\":[1],\"input\":{},\"version\":{},\"reason\":[],\"step\":{},\"event\":\"x\",\"kind\":7,\"title\":[],\"comment\":{},\"data\":1e999,\"user\":[],\"name\":[],\"value\":[],\"to\":{}}"u8.ToArray(),
        Encoding.UTF8.GetBytes(string.Concat(Enumerable.Repeat("[", 10_000)) + string.Concat(Enumerable.Repeat("]", 10_000))),
        Encoding.UTF8.GetBytes("{\"reason\":\"" + new string('x', 2_000_000) + "\"}"),
    ];

    [Fact]
    public async Task What_an_operation_does_not_ask_for_is_refused_and_changes_nothing()
    {
        await using var server = await TestServer.StartAsync(("Http:RequestsPerSecond", "0"), ("Http:MaxRequestBytes", "1000000"));
        await server.Http.ApplyAsync("default/greet", FlowApiTests.Greet);
        await server.Http.PostAsync("flows/default/greet/runs?wait=30", """{"id":"there"}""");
        var operations = await OperationsAsync(server);
        Assert.True(operations.Count > 20, "the document describes the API");
        await server.Server.Services.GetRequiredService<FlowScheduler>().SettleAsync(default);
        var before = await StateAsync(server);
        var problems = new List<string>();

        foreach (var (method, path, query, takesNothing) in operations)
        {
            await TryAsync(server, null, method, Fill(path, "nobody"), null, problems);
            if (takesNothing)
            {
                // An administrator who calls it means it, whatever else the request has.
                continue;
            }
            foreach (var id in Ids)
            {
                await TryAsync(server, server.Http, method, Fill(path, id), method == HttpMethod.Get ? null : ("{\"none\":"u8.ToArray(), "application/json"), problems);
            }
            foreach (var name in query)
            {
                foreach (var value in Values)
                {
                    await TryAsync(server, server.Http, method, $"{Fill(path, "nobody")}?{name}={value}", method == HttpMethod.Get ? null : ("[]"u8.ToArray(), "application/json"), problems);
                }
            }
            foreach (var body in method == HttpMethod.Get ? [] : Bodies)
            {
                await TryAsync(server, server.Http, method, Fill(path, "nobody"), (body, "application/json"), problems);
                await TryAsync(server, server.Http, method, Fill(path, "nobody"), (body, "application/yaml; charset=utf-16"), problems);
            }
        }

        Assert.True(problems.Count == 0, string.Join('\n', problems.Take(50)));
        Assert.Equal(before, await StateAsync(server));
    }

    private static async Task TryAsync(TestServer server, HttpClient? known, HttpMethod method, string path, (byte[] Body, string Type)? content, List<string> problems, bool isAgain = false)
    {
        using var nobody = known is null ? server.As(null) : null;
        using var request = new HttpRequestMessage(method, new Uri(path, UriKind.Relative));
        if (content is { } given)
        {
            request.Content = new ByteArrayContent(given.Body);
            request.Content.Headers.ContentType = MediaTypeHeaderValue.Parse(given.Type);
        }
        var told = $"{method} {(path.Length > 100 ? path[..100] : path)} with {(content is { } body ? $"{body.Body.Length} bytes of {body.Type}" : "nothing")}";
        try
        {
            using var response = await (known ?? nobody!).SendAsync(request);
            var text = await response.Content.ReadAsStringAsync();
            if ((int)response.StatusCode >= 500 || text.Contains("   at ", StringComparison.Ordinal) || text.Contains("Exception", StringComparison.Ordinal))
            {
                problems.Add($"{told}: {(int)response.StatusCode} {(text.Length > 300 ? text[..300] : text)}");
            }
            else if (known is null && response.StatusCode == HttpStatusCode.OK && method != HttpMethod.Get)
            {
                problems.Add($"{told}: done for a stranger");
            }
        }
        catch (HttpRequestException) when (content is { Body.Length: > 1_000_000 })
        {
            // The server hangs up on what is too large while it is still being sent.
        }
        catch (HttpRequestException) when (!isAgain)
        {
            // The connection was one that the server closes after an earlier request that was no HTTP.
            await TryAsync(server, known, method, path, content, problems, isAgain: true);
        }
        catch (HttpRequestException exception)
        {
            problems.Add($"{told}: {exception.InnerException?.Message ?? exception.Message}");
        }
    }

    private static async Task<List<(HttpMethod Method, string Path, IReadOnlyList<string> Query, bool TakesNothing)>> OperationsAsync(TestServer server)
    {
        var document = JsonNode.Parse(await server.Http.GetStringAsync(new Uri("openapi/v1.json", UriKind.Relative)))!;
        var operations = new List<(HttpMethod, string, IReadOnlyList<string>, bool)>();
        foreach (var (path, item) in (JsonObject)document["paths"]!)
        {
            // Streams without end.
            foreach (var (method, operation) in ((JsonObject)item!).Where(_ => path is not "/api/v1/live" && !path.EndsWith("/stream", StringComparison.Ordinal)))
            {
                operations.Add((new HttpMethod(method.ToUpperInvariant()), path.TrimStart('/'), [.. (operation!["parameters"] as JsonArray ?? [])
                    .Where(parameter => (string?)parameter!["in"] == "query").Select(parameter => (string)parameter!["name"]!)],
                    method != "get" && !path.Contains('{', StringComparison.Ordinal) && operation["requestBody"] is null));
            }
        }
        return operations;
    }

    private static string Fill(string path, string id) => string.Join('/', path.Split('/').Select(part => part.StartsWith('{') ? id : part));

    /// <summary>All records but the audit, which is there to grow, and who does what in the background; and all runs.</summary>
    private static async Task<string> StateAsync(TestServer server)
    {
        await using var connection = new SqliteConnection($"Data Source={Path.Combine(server.DataFolder, DataModule.FileName)};Mode=ReadOnly;Pooling=False");
        await connection.OpenAsync();
        var tables = new List<string>();
        await using (var command = connection.CreateCommand())
        {
            command.CommandText = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name NOT LIKE 'audit%' AND name NOT IN ('idempotency', 'Leases') ORDER BY name";
            await using var names = await command.ExecuteReaderAsync();
            while (await names.ReadAsync())
            {
                tables.Add(names.GetString(0));
            }
        }
        var counts = new StringBuilder();
        foreach (var table in tables)
        {
            await using var command = connection.CreateCommand();
            command.CommandText = $"SELECT * FROM \"{table}\"";
            await using var rows = await command.ExecuteReaderAsync();
            using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
            var count = 0;
            for (; await rows.ReadAsync(); count++)
            {
                for (var i = 0; i < rows.FieldCount; i++)
                {
                    hash.AppendData(Encoding.UTF8.GetBytes($"{(rows.GetValue(i) is byte[] bytes ? Convert.ToHexString(bytes) : rows.GetValue(i))}\n"));
                }
            }
            counts.Append(table).Append(' ').Append(count).Append(' ').Append(Convert.ToHexStringLower(hash.GetHashAndReset().AsSpan(0, 8))).Append('\n');
        }
        var runs = (JsonArray)(await server.Http.ReadAsync("runs?limit=200"))["items"]!;
        return $"{counts}runs {string.Join(',', runs.Select(run => $"{run!["id"]} {run["status"]}"))}";
    }
}
