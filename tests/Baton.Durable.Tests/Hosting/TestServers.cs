using Baton.Durable.Hosting;

namespace Baton.Durable.Tests.Hosting;

/// <summary>Servers whose engine is the handlers that a test writes.</summary>
internal static class TestServers
{
    public const string WorkflowService = "/temporal.api.workflowservice.v1.WorkflowService/";

    public static Task<DurableServer> StartAsync(DurableServerOptions options, params object[] handlers) =>
        DurableServer.StartAsync(options, (_, _, _) => Task.FromResult(new DurableHost(handlers, [], [], new Nothing())), default);

    private sealed class Nothing : IAsyncDisposable
    {
        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
