using System.Text.Json;
using Baton.Server.Control;
using Baton.Server.Data;
using Baton.Server.Hosting;
using Baton.Server.Settings;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Baton.Server.Tests;

/// <summary>A whole server on free ports and a folder of its own. It can be stopped and started on the same data.</summary>
internal sealed class TestServer : IAsyncDisposable
{
    private readonly TemporaryFolder folder = new();
    private readonly KeyValuePair<string, string>[] settings;
    private readonly ILoggerFactory loggers;
    private BatonServer? server;

    private TestServer(IEnumerable<(string Key, string Value)> settings, ILoggerFactory loggers) => (this.loggers, this.settings) =
        (loggers, [new("Http:Url", "http://127.0.0.1:0"), new("Temporal:Port", "0"), .. settings.Select(pair => KeyValuePair.Create(pair.Key, pair.Value))]);

    public BatonServer Server => server!;

    public string DataFolder => folder.Path;

    public ShiftedTime Time { get; } = new();

    /// <summary>Calls as the owner of the data folder: an administrator.</summary>
    public HttpClient Http { get; private set; } = null!;

    public static Task<TestServer> StartAsync(params (string Key, string Value)[] settings) => StartAsync(NullLoggerFactory.Instance, settings);

    public static async Task<TestServer> StartAsync(ILoggerFactory loggers, params (string Key, string Value)[] settings)
    {
        var test = new TestServer(settings, loggers);
        await test.StartAsync();
        return test;
    }

    /// <summary>Stops the server and starts another on what it left.</summary>
    public async Task RestartAsync()
    {
        await StopAsync();
        await StartAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        folder.Dispose();
    }

    /// <summary>A client that calls with this token, or as nobody.</summary>
    public HttpClient As(string? token) => new()
    {
        BaseAddress = new Uri(Server.Url),
        DefaultRequestHeaders = { Authorization = token is null ? null : new("Bearer", token) },
    };

    public BatonDb Db() => Server.Services.GetRequiredService<IDbContextFactory<BatonDb>>().CreateDbContext();

    /// <summary>As somebody who can write to the database does it, past the server.</summary>
    public async Task SqlAsync(string sql)
    {
        await using var db = Db();
        await db.Database.ExecuteSqlRawAsync(sql);
    }

    private async Task StartAsync()
    {
        server = await BatonServer.StartAsync(
            new(new SettingsReader().Add(settings, "test").Read().Checked(), Hosting.DataFolder.Open(folder.Path), loggers, Time), default);
        Http = As(ControlFile.Read(folder.Path).Token);
    }

    private async Task StopAsync()
    {
        Http.Dispose();
        await Server.DisposeAsync();
    }
}

/// <summary>The system's time, put forward.</summary>
internal sealed class ShiftedTime : TimeProvider
{
    private TimeSpan shift;

    public void Advance(TimeSpan by) => shift += by;

    public override DateTimeOffset GetUtcNow() => System.GetUtcNow() + shift;

    public override long GetTimestamp() => System.GetTimestamp() + (long)(shift.TotalSeconds * TimestampFrequency);
}

internal static class JsonText
{
    public static string? Text(this JsonElement json, string name) => json.GetProperty(name) is { ValueKind: JsonValueKind.String } text ? text.GetString() : json.GetProperty(name).ToString();
}
