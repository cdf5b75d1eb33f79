using Baton.Durable;

namespace Baton.Conformance.Support;

/// <summary>
/// The one server that the whole run talks to. By default an in-process <see cref="DurableServer"/> on a database in a temporary folder.
/// <c>BATON_CONFORMANCE_STORE=volatile</c> takes the store in memory; <c>BATON_CONFORMANCE_TARGET=host:port</c> points the suite at a server that
/// already runs, a Temporal cluster for instance, to hold the cases themselves to the original.
/// </summary>
public sealed class ServerFixture : IAsyncLifetime
{
    public const string Namespace = "default";

    private DurableServer? _server;
    private string? _folder;

    public string Address { get; private set; } = "";

    public TemporalClient Client { get; private set; } = null!;

    public static bool IsExternal => Environment.GetEnvironmentVariable("BATON_CONFORMANCE_TARGET") is { Length: > 0 };

    public async ValueTask InitializeAsync()
    {
        if (Environment.GetEnvironmentVariable("BATON_CONFORMANCE_TARGET") is { Length: > 0 } target)
        {
            Address = target;
        }
        else
        {
            var options = new DurableServerOptions();
            if (Environment.GetEnvironmentVariable("BATON_CONFORMANCE_STORE") != "volatile")
            {
                _folder = Directory.CreateTempSubdirectory("baton-conformance-").FullName;
                options = options with { DatabasePath = Path.Combine(_folder, "durable.db") };
            }
            _server = await DurableServer.StartAsync(options);
            Address = _server.Address;
        }
        Client = await ConnectAsync(Address);
        await TestAttributes.RegisterAsync(Client);
    }

    public static Task<TemporalClient> ConnectAsync(string address, string @namespace = Namespace) =>
        TemporalClient.ConnectAsync(new(address) { Namespace = @namespace, Identity = "conformance" });

    public async ValueTask DisposeAsync()
    {
        if (_server is not null)
        {
            await _server.DisposeAsync();
        }
        if (_folder is not null)
        {
            Directory.Delete(_folder, recursive: true);
        }
    }
}
