using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Baton.Durable.Bench.Targets;

namespace Baton.Server.Bench.Servers;

/// <summary>`baton server run` as its users start it, on a folder and ports of its own.</summary>
internal sealed class BatonProcess : IAsyncDisposable
{
    private readonly ChildProcess process;

    private BatonProcess(string name, ChildProcess process, string folder, ControlFile control)
    {
        Name = name;
        Folder = folder;
        this.process = process;
        Owner = new(new(control.Address), [control.Token]);
    }

    public string Name { get; }

    public string Folder { get; }

    public int Id => process.Id;

    /// <summary>Calls as the owner of the data folder: an administrator.</summary>
    public ApiClient Owner { get; }

    /// <param name="settings">KEY=VALUE, beside free ports and a rate limit that is there but never met.</param>
    public static async Task<BatonProcess> StartAsync(BenchFolder folders, string name, params string[] settings)
    {
        var folder = folders.New("baton");
        var port = ChildProcess.FreePort();
        string[] all = [$"Http:Url=http://127.0.0.1:{port}", "Temporal:Port=0", "Http:RequestsPerSecond=1000000", .. settings];
        var process = ChildProcess.Start(folders.Baton, ["server", "run", "--data", folder, "--log-level", "error", .. all.SelectMany(setting => new[] { "--set", setting })]);
        try
        {
            await process.ListensAsync(port);
            // It is ready when it has said where it is.
            var control = Path.Combine(folder, "control.json");
            while (!File.Exists(control))
            {
                await Task.Delay(TimeSpan.FromMilliseconds(5), TimeProvider.System);
            }
            return new(name, process, folder, JsonSerializer.Deserialize<ControlFile>(await File.ReadAllBytesAsync(control))!);
        }
        catch
        {
            await process.DisposeAsync();
            throw;
        }
    }

    /// <summary>Puts a flow of the namespace `bench` in force.</summary>
    public Task ApplyAsync(string name, string yaml) => Owner.SendAsync(0, HttpMethod.Put, $"flows/bench/{name}", Encoding.UTF8.GetBytes(yaml), "application/yaml");

    /// <summary>Makes service accounts that may do what operators and approvers may, and gives them so many tokens in all.</summary>
    public async Task<ApiClient> AccountsAsync(int accounts, int tokens)
    {
        for (var i = 0; i < accounts; i++)
        {
            await Owner.PostAsync(0, "users", new { name = $"client-{i}", service = true, roles = new[] { "operator", "approver" } });
        }
        var made = new string[tokens];
        await Parallel.ForAsync(0, tokens, new ParallelOptions { MaxDegreeOfParallelism = 16 }, async (i, _) =>
            made[i] = (await Owner.PostAsync(0, "tokens", new { name = $"token {i}", user = $"client-{i % accounts}", expires = "1d" })).GetProperty("token").GetString()!);
        return new(Owner.Url, made);
    }

    /// <summary>The sum of a metric over its labels, of those lines that hold all the texts.</summary>
    public async Task<double> MetricAsync(string name, params string[] labels)
    {
        var text = await Owner.TextAsync("/metrics");
        return text.Split('\n')
            .Where(line => line.StartsWith(name, StringComparison.Ordinal) && line.Length > name.Length && line[name.Length] is '{' or ' ' && labels.All(line.Contains))
            .Sum(line => double.Parse(line[(line.LastIndexOf('}') + 1)..].Trim().Split(' ')[0], System.Globalization.CultureInfo.InvariantCulture));
    }

    public async ValueTask DisposeAsync()
    {
        await process.DisposeAsync();
        Owner.Dispose();
    }

    private sealed record ControlFile(string Address, string Token);
}

/// <summary>Calls the API with the tokens in turn: caller N has token N.</summary>
internal sealed class ApiClient(Uri url, IReadOnlyList<string> tokens) : IDisposable
{
    private readonly HttpClient http = new(new SocketsHttpHandler { UseProxy = false, UseCookies = false }) { Timeout = TimeSpan.FromMinutes(2) };
    private readonly AuthenticationHeaderValue[] credentials = [.. tokens.Select(token => new AuthenticationHeaderValue("Bearer", token))];

    public Uri Url => url;

    public AuthenticationHeaderValue Credentials(int caller) => credentials[caller % credentials.Length];

    public Task<byte[]> GetAsync(int caller, string path) => SendAsync(caller, HttpMethod.Get, path, null, null);

    public async Task<JsonElement> ReadAsync(int caller, string path) => JsonElement.Parse(await GetAsync(caller, path));

    public async Task<JsonElement> PostAsync(int caller, string path, object? body = null) =>
        JsonElement.Parse(await SendAsync(caller, HttpMethod.Post, path, body is null ? null : JsonSerializer.SerializeToUtf8Bytes(body), "application/json"));

    /// <param name="path">Below /api/v1/.</param>
    /// <exception cref="HttpRequestException">It is refused; the answer is in the message.</exception>
    public async Task<byte[]> SendAsync(int caller, HttpMethod method, string path, byte[]? body, string? type)
    {
        using var request = new HttpRequestMessage(method, new Uri(url, $"api/v1/{path}"));
        request.Headers.Authorization = Credentials(caller);
        if (body is not null)
        {
            request.Content = new ByteArrayContent(body) { Headers = { ContentType = new(type!) } };
        }
        using var response = await http.SendAsync(request);
        var answer = await response.Content.ReadAsByteArrayAsync();
        return response.IsSuccessStatusCode ? answer : throw new HttpRequestException($"{method} {path} gave {(int)response.StatusCode} {Encoding.UTF8.GetString(answer)}");
    }

    /// <summary>Reads a stream of the server until cancelled.</summary>
    public async Task FollowAsync(int caller, string path, CancellationToken cancel)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(url, $"api/v1/{path}"));
        request.Headers.Authorization = Credentials(caller);
        using var response = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancel);
        response.EnsureSuccessStatusCode();
        await response.Content.CopyToAsync(Stream.Null, cancel);
    }

    public async Task<string> TextAsync(string path)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(url, path)) { Headers = { Authorization = Credentials(0) } };
        using var response = await http.SendAsync(request);
        response.EnsureSuccessStatusCode();
        return await response.Content.ReadAsStringAsync();
    }

    public void Dispose() => http.Dispose();
}
