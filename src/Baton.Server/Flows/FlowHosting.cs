using Baton.Flows;
using Baton.Flows.Durable;
using Baton.Flows.Functions;
using Baton.Flows.Hosting;
using Baton.Server.Data.Retention;
using Baton.Server.Egress;
using Baton.Server.Runs;
using Baton.Server.Settings;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Temporalio.Client;

namespace Baton.Server.Flows;

/// <summary>
/// Flows and what runs them. Other concepts add to it by registering IFlowSecrets, IFlowEventBus or FlowPolicy (one of
/// each) and any number of IFlowFunction; without them secrets are unknown and events refused.
/// </summary>
internal static class FlowHosting
{
    private static readonly FlowHost Refusing = new();

    public static void AddFlows(this IServiceCollection services, FlowSettings settings)
    {
        services.TryAddSingleton(provider => FlowPolicy.Default with
        {
            AllowShell = settings.AllowShell,
            AllowScript = settings.AllowScript,
            AllowContainer = settings.AllowContainer,
            AllowMcpProcess = settings.AllowMcpProcess,
            CallTimeout = settings.CallTimeout,
            AllowEgress = provider.GetRequiredService<EgressPolicy>().Allows,
        });
        services.AddSingleton<FlowScheduler>();
        services.AddHostedService(provider => provider.GetRequiredService<FlowScheduler>());
        services.AddSingleton<FlowStore>();
        services.AddSingleton<FlowValues>();
        services.AddSingleton<IRetainedKind>(provider => provider.GetRequiredService<FlowValues>());
        services.AddSingleton(provider => new FlowHost
        {
            Policy = provider.GetRequiredService<FlowPolicy>(),
            Secrets = provider.GetService<IFlowSecrets>() ?? Refusing.Secrets,
            Events = provider.GetService<IFlowEventBus>() ?? Refusing.Events,
            Inbox = provider.GetRequiredService<IFlowInbox>(),
            Definitions = new LateDefinitions(provider),
            Blobs = provider.GetRequiredService<FlowValues>(),
            Functions = [.. provider.GetServices<IFlowFunction>()],
            Logging = provider.GetRequiredService<ILoggerFactory>(),
            Time = provider.GetRequiredService<TimeProvider>(),
        });
        services.AddSingleton(provider => BuiltInFunctions.Create(provider.GetRequiredService<FlowHost>(), provider.GetRequiredService<ITemporalClient>()));
        services.AddHostedService<FlowWorkerService>();
    }

    // The store needs the catalogue of functions, and that the host: definitions are asked for at run time only.
    private sealed class LateDefinitions(IServiceProvider provider) : IFlowDefinitions
    {
        public ValueTask<string?> FindAsync(string ns, string name, string version, CancellationToken cancellationToken) =>
            ((IFlowDefinitions)provider.GetRequiredService<FlowStore>()).FindAsync(ns, name, version, cancellationToken);
    }
}

/// <summary>Runs flows in this process. Any number of processes may: durable execution gives each task to one of them.</summary>
internal sealed partial class FlowWorkerService(ITemporalClient client, FlowHost host, RunAttributes attributes, TimeProvider time, ILogger<FlowWorkerService> log) : BackgroundService
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(2);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await client.Connection.ConnectAsync();
                await attributes.EnsureAsync(stoppingToken);
                using var worker = new FlowWorker(client, host);
                await worker.ExecuteAsync(stoppingToken);
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            catch (Exception exception)
            {
                LogStopped(log, exception, Pause);
                await Task.Delay(Pause, time, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    [LoggerMessage(EventIds.FlowWorkerStopped, LogLevel.Warning, "The worker of flows stopped; it starts again in {Pause}")]
    private static partial void LogStopped(ILogger log, Exception exception, TimeSpan pause);
}
