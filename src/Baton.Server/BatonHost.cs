using Baton.Server.Errors;
using Baton.Server.Flows;
using Baton.Server.Hosting;
using Baton.Server.Processes;
using Baton.Server.Projects;
using Baton.Server.Settings;
using Microsoft.Extensions.Logging;

namespace Baton.Server;

/// <param name="Settings">As <see cref="SettingsOf"/> makes them.</param>
/// <param name="Output">Gets what the project's processes print.</param>
public sealed record BatonHostOptions(BatonSettings Settings, ILoggerFactory Loggers, TimeProvider Time, ProcessOutput Output)
{
    /// <summary>In place of DATA/baton.db.</summary>
    public string? DatabasePath { get; init; }
}

/// <summary>
/// A project that is up: the server on its data folder, and the project's processes, kept running.
///
/// Starting, in this order: (1) take the lock of the data folder, which the system frees when this process dies however
/// it dies; (2) kill what an earlier host left running; (3) prepare; (4) start the server, which goes on where its files
/// end; (5) put the project's flows in force; (6) start the processes. Nothing else needs to be remembered, so a host that was killed is simply started again.
/// </summary>
public sealed class BatonHost : IAsyncDisposable
{
    private const string HostVariable = "BATON_UP";
    private const string ProcessVariable = "BATON_PROCESS";

    private readonly CancellationTokenSource stop = new();
    private readonly BatonServer server;
    private readonly IReadOnlyList<SupervisedProcess> processes;
    private readonly Task running;
    private readonly TimeProvider time;

    private BatonHost(BatonServer server, IReadOnlyList<SupervisedProcess> processes, TimeProvider time)
    {
        this.server = server;
        this.processes = processes;
        this.time = time;
        running = Task.WhenAll(processes.Select(process => process.RunAsync(stop.Token)));
    }

    /// <summary>Where the durable server answers, as host:port.</summary>
    public string Address => server.TemporalAddress;

    /// <summary>Where API and console answer.</summary>
    public string Url => server.Url;

    /// <summary>Where the first administrator is made; null when there are accounts.</summary>
    public string? SetupLink => server.SetupLink;

    /// <summary>The settings of a project: what baton.yaml says, then variables, then what the command line gives.</summary>
    public static SettingsResult SettingsOf(Project project, IEnumerable<KeyValuePair<string, string>> variables, IEnumerable<KeyValuePair<string, string>> given)
    {
        var file = Path.Combine(project.Folder, ProjectReader.FileName);
        var reader = new SettingsReader().Add([new("Temporal:Port", $"{project.Port}"), new("Temporal:Namespace", project.Namespace)], file);
        if (project.Settings is { } settings)
        {
            reader.AddNode(settings, file);
        }
        return reader.AddVariables(variables).Add(given, "command line").Read();
    }

    public static async Task<BatonHost> StartAsync(Project project, BatonHostOptions options, CancellationToken cancel)
    {
        var folder = DataFolder.Open(project.DataFolder);
        var log = options.Loggers.CreateLogger<BatonHost>();
        try
        {
            new ProcessMark(HostVariable, project.DataFolder, log).KillAll();
            await PrepareAsync(project, options, log, cancel);
        }
        catch
        {
            folder.Dispose();
            throw;
        }
        var set = new ProcessSet();
        var server = await BatonServer.StartAsync(
            new(options.Settings, folder, options.Loggers, options.Time) { DurableFile = options.DatabasePath, Processes = set }, cancel);
        try
        {
            await server.ApplyFlowsAsync(FlowFiles.Read(project.Flows), cancel);
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }
        var runner = new ProcessRunner(Environment(project, server), options.Output);
        set.Processes = [.. project.Processes.Select(process => new SupervisedProcess(
            process, runner, new ProcessMark(ProcessVariable, $"{project.DataFolder}#{process.Name}", log), options.Time,
            options.Loggers.CreateLogger<SupervisedProcess>()))];
        return new BatonHost(server, set.Processes, options.Time);
    }

    /// <summary>Ends when every process runs and those with a `ready` address answer; one that waits for its `when` is not waited for.</summary>
    public async Task WaitReadyAsync(CancellationToken cancel)
    {
        using var http = new HttpClient { Timeout = TimeSpan.FromSeconds(5) };
        foreach (var process in processes)
        {
            while (!await IsReadyAsync(http, process, cancel))
            {
                await Task.Delay(TimeSpan.FromMilliseconds(100), time, cancel);
            }
        }
    }

    /// <summary>Stops the processes, then the server. What the server acknowledged is on disk.</summary>
    public async ValueTask DisposeAsync()
    {
        await stop.CancelAsync();
        await running.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await server.DisposeAsync();
        stop.Dispose();
    }

    private static async Task<bool> IsReadyAsync(HttpClient http, SupervisedProcess process, CancellationToken cancel)
    {
        switch (process.Status.State)
        {
            case ProcessState.Waiting when process.Definition.When is { } path && !Path.Exists(path):
            case ProcessState.Running when process.Definition.Ready is null:
                return true;
            case ProcessState.Running:
                try
                {
                    using var response = await http.GetAsync(process.Definition.Ready, cancel);
                    return response.IsSuccessStatusCode;
                }
                catch (Exception exception) when (exception is HttpRequestException || (exception is TaskCanceledException && !cancel.IsCancellationRequested))
                {
                    return false;
                }
            default:
                return false;
        }
    }

    private static async Task PrepareAsync(Project project, BatonHostOptions options, ILogger log, CancellationToken cancel)
    {
        const string Name = "prepare";
        var tail = new Queue<string>();
        var runner = new ProcessRunner(Environment(project, server: null), Pass);
        foreach (var command in project.Prepare)
        {
            var mark = new ProcessMark(ProcessVariable, $"{project.DataFolder}#{Name}", log);
            using var process = runner.Start(Name, command, mark);
            await using var registration = cancel.Register(mark.KillAll);
            await process.ExitedAndReadAsync(options.Time);
            cancel.ThrowIfCancellationRequested();
            if (process.ExitCode != 0)
            {
                throw new BatonException(
                    ErrorCodes.PrepareFailed, $"a step of `prepare` failed with exit code {process.ExitCode}: {command}",
                    string.Join('\n', tail), "correct it and run `baton up` again");
            }
        }

        void Pass(string process, string line)
        {
            lock (tail)
            {
                tail.Enqueue(line);
                while (tail.Count > 10)
                {
                    tail.Dequeue();
                }
            }
            options.Output(process, line);
        }
    }

    private static Dictionary<string, string> Environment(Project project, BatonServer? server)
    {
        var environment = new Dictionary<string, string>
        {
            [HostVariable] = project.DataFolder,
            ["BATON_PROJECT"] = project.Folder,
            ["BATON_DATA"] = project.DataFolder,
            // So that processes find the `baton` that runs them.
            ["PATH"] = $"{AppContext.BaseDirectory}{Path.PathSeparator}{System.Environment.GetEnvironmentVariable("PATH")}",
            ["TEMPORAL_NAMESPACE"] = project.Namespace,
        };
        if (server is not null)
        {
            environment["TEMPORAL_ADDRESS"] = server.TemporalAddress;
            environment["BATON_URL"] = server.Url;
            if (server.TemporalToken is { } token)
            {
                environment["TEMPORAL_API_KEY"] = token;
                // A key alone makes SDKs expect TLS.
                environment["TEMPORAL_TLS"] = "false";
            }
        }
        return environment;
    }
}
