using Deploy;
using Deploy.Sample;
using Microsoft.Extensions.Logging;
using Temporalio.Client;
using Temporalio.Common.EnvConfig;
using Temporalio.Worker;

using var stop = new CancellationTokenSource();
Console.CancelKeyPress += (_, pressed) =>
{
    pressed.Cancel = true;
    stop.Cancel();
};
using var terminate = System.Runtime.InteropServices.PosixSignalRegistration.Create(
    System.Runtime.InteropServices.PosixSignal.SIGTERM,
    context =>
    {
        context.Cancel = true;
        stop.Cancel();
    });

switch (args)
{
    case ["sample", var path]:
        await SampleRepository.CreateAsync(Path.GetFullPath(path), stop.Token);
        return 0;

    case ["worker"]:
        await RunWorkerAsync(DeploySettings.FromEnvironment(), stop.Token);
        return 0;

    default:
        Console.Error.WriteLine("usage: deploy worker | deploy sample PATH");
        return 2;
}

static async Task RunWorkerAsync(DeploySettings settings, CancellationToken stop)
{
    Directory.CreateDirectory(settings.Root);
    using var loggers = LoggerFactory.Create(logging => logging
        .AddSimpleConsole(console => console.SingleLine = true)
        .SetMinimumLevel(LogLevel.Information));
    var options = ClientEnvConfig.LoadClientConnectOptions();
    options.TargetHost ??= "localhost:7233";
    options.LoggerFactory = loggers;
    var client = await TemporalClient.ConnectAsync(options);
    using var http = new HttpClient { Timeout = TimeSpan.FromSeconds(5) };
    var activities = new DeployActivities(settings, http, TimeProvider.System, loggers.CreateLogger<DeployActivities>());
    using var worker = new TemporalWorker(client, new TemporalWorkerOptions("deploy").AddWorkflow<DeployWorkflow>().AddAllActivities(activities));
    try
    {
        await worker.ExecuteAsync(stop);
    }
    catch (OperationCanceledException) when (stop.IsCancellationRequested)
    {
        // Asked to stop.
    }
}
