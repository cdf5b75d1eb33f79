namespace Baton.Server.Tests;

/// <summary>One server for all tests of a class that leave it as it is, or do not mind what others left.</summary>
public sealed class SharedServer : IAsyncLifetime
{
    internal TestServer Server { get; private set; } = null!;

    public async ValueTask InitializeAsync() => Server = await TestServer.StartAsync(("Http:RequestsPerSecond", "0"), ("Http:MaxRequestBytes", "2000000"));

    public ValueTask DisposeAsync() => Server.DisposeAsync();
}
