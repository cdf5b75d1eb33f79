using Baton.Durable;
using Baton.Server.Control;
using Baton.Server.Errors;
using Baton.Server.Processes;
using Baton.Server.Projects;
using Microsoft.Extensions.Logging;

namespace Baton.Server;

/// <param name="Output">Gets what the project's processes print.</param>
public sealed record BatonHostOptions(ILoggerFactory Loggers, TimeProvider Time, ProcessOutput Output)
{
    /// <summary>In place of the project's port; 0 for a free one.</summary>
    public ushort? Port { get; init; }

    /// <summary>In place of DATA/baton.db.</summary>
    public string? DatabasePath { get; init; }
}

/// <summary>
/// A project that is up: the durable server on DATA/baton.db, and the project's processes, kept running.
///
/// Starting, in this order: (1) take the lock of the data folder, which the system frees when this process dies however
/// it dies; (2) kill what an earlier host left running; (3) prepare; (4) start the server, which goes on where its file
/// ends; (5) start the processes. Nothing else needs to be remembered, so a host that was killed is simply started again.
/// </summary>
public sealed class BatonHost : IAsyncDisposable
{
    private const string HostVariable = "BATON_UP";
    private const string ProcessVariable = "BATON_PROCESS";

    private readonly CancellationTokenSource stop = new();
    private readonly FileStream folderLock;
    private readonly DurableServer server;
    private readonly ControlEndpoint control;
    private readonly IReadOnlyList<SupervisedProcess> processes;
    private readonly Task running;
    private readonly Project project;
    private readonly TimeProvider time;

    private BatonHost(
        Project project, FileStream folderLock, DurableServer server, ControlEndpoint control, IReadOnlyList<SupervisedProcess> processes, TimeProvider time)
    {
        this.project = project;
        this.folderLock = folderLock;
        this.server = server;
        this.control = control;
        this.processes = processes;
        this.time = time;
        running = Task.WhenAll(processes.Select(process => process.RunAsync(stop.Token)));
    }

    /// <summary>Where the durable server answers, as host:port.</summary>
    public string Address => server.Address;

    public static async Task<BatonHost> StartAsync(Project project, BatonHostOptions options, CancellationToken cancel)
    {
        Directory.CreateDirectory(project.DataFolder);
        var folderLock = Lock(project);
        try
        {
            var log = options.Loggers.CreateLogger<BatonHost>();
            new ProcessMark(HostVariable, project.DataFolder, log).KillAll();
            await PrepareAsync(project, options, log, cancel);
            var server = await StartServerAsync(project, options, cancel);
            try
            {
                var runner = new ProcessRunner(Environment(project, server.Address), options.Output);
                var processes = project.Processes.Select(process => new SupervisedProcess(
                    process, runner, new ProcessMark(ProcessVariable, $"{project.DataFolder}#{process.Name}", log), options.Time,
                    options.Loggers.CreateLogger<SupervisedProcess>())).ToList();
                var control = await ControlEndpoint.StartAsync(processes, options.Loggers, cancel);
                control.File.Write(project.DataFolder);
                return new BatonHost(project, folderLock, server, control, processes, options.Time);
            }
            catch
            {
                await server.DisposeAsync();
                throw;
            }
        }
        catch
        {
            await folderLock.DisposeAsync();
            throw;
        }
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
        ControlFile.Delete(project.DataFolder);
        await control.DisposeAsync();
        await stop.CancelAsync();
        await running.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await server.DisposeAsync();
        await folderLock.DisposeAsync();
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

    private static FileStream Lock(Project project)
    {
        try
        {
            return new FileStream(Path.Combine(project.DataFolder, "up.lock"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException exception)
        {
            throw new BatonException(
                ErrorCodes.AlreadyUp, $"the project {project.Folder} is up already", exception.Message, "stop the other `baton up` first", exception);
        }
    }

    private static async Task PrepareAsync(Project project, BatonHostOptions options, ILogger log, CancellationToken cancel)
    {
        const string Name = "prepare";
        var tail = new Queue<string>();
        var runner = new ProcessRunner(Environment(project, address: null), Pass);
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

    private static async Task<DurableServer> StartServerAsync(Project project, BatonHostOptions options, CancellationToken cancel)
    {
        var port = options.Port ?? project.Port;
        try
        {
            return await DurableServer.StartAsync(
                new()
                {
                    Port = port,
                    Namespaces = [project.Namespace],
                    DatabasePath = options.DatabasePath ?? Path.Combine(project.DataFolder, "baton.db"),
                    LoggerFactory = options.Loggers,
                },
                cancel);
        }
        catch (IOException exception)
        {
            throw new BatonException(
                ErrorCodes.CannotListen, $"the durable server cannot listen on port {port}", exception.Message,
                "stop what uses the port, or choose another with --port (0: a free one)", exception);
        }
    }

    private static Dictionary<string, string> Environment(Project project, string? address)
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
        if (address is not null)
        {
            environment["TEMPORAL_ADDRESS"] = address;
        }
        return environment;
    }
}
