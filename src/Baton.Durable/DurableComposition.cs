using Baton.Durable.Hosting;
using Microsoft.Extensions.Logging;

namespace Baton.Durable;

/// <summary>Puts the parts of the server together: the one place that knows them all.</summary>
internal static class DurableComposition
{
    public static Task<DurableHost> CreateAsync(DurableServerOptions options, ILoggerFactory loggers, CancellationToken cancellationToken)
    {
        var store = options.DatabasePath is null ? "volatile" : "sqlite";
        object[] workflow = [new SystemHandler(Guid.NewGuid().ToString(), store)];
        return Task.FromResult(new DurableHost(workflow, [], [], new Nothing()));
    }

    private sealed class Nothing : IAsyncDisposable
    {
        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
