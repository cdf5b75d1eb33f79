using Baton.Flows.Durable;
using Baton.Flows.Hosting;

namespace Baton.Conformance.Kill;

/// <summary>The worker process of the kill tests of flows.</summary>
internal static class FlowKillWorker
{
    /// <summary>First command line argument that turns this assembly into the worker; address and task queue follow.</summary>
    public const string Argument = "flow-kill-worker";

    public static async Task RunAsync(string address, string taskQueue)
    {
        while (true)
        {
            // Client and worker ask the server when they start, and it may be down just then.
            try
            {
                var client = await TemporalClient.ConnectAsync(new(address) { Identity = $"worker-{Environment.ProcessId}" });
                using var worker = new FlowWorker(client, new FlowHost(), taskQueue);
                await worker.ExecuteAsync(CancellationToken.None);
            }
            catch (Exception error) when (error is RpcException or InvalidOperationException)
            {
                await Eventually.PauseAsync();
            }
        }
    }
}
