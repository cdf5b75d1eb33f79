using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using Baton.Server.Control;
using Baton.Server.Processes;
using Deploy;
using Temporalio.Client;

namespace Baton.Examples.Tests;

/// <summary>
/// The example as its users run it, `baton up` with worker and service as processes of their own, on a project folder
/// whose repository builds quickly and stops at gates. Its parts can be killed.
/// </summary>
internal sealed class DeployProject : IAsyncDisposable
{
    public const string WorkflowId = "deploy";

    private readonly string folder = Directory.CreateTempSubdirectory("baton-deploy-").FullName;
    private readonly int serverPort = FreePort();
    private readonly int webPort = FreePort();
    private readonly HttpClient http = new() { Timeout = TimeSpan.FromSeconds(5) };
    private readonly Queue<string> log = [];
    private Process? host;
    private TemporalClient? client;

    public DeployProject() => Gates = new Gates(folder);

    public Gates Gates { get; }

    public string Repository => Path.Combine(folder, "repo");

    public TemporalClient Client => client ?? throw new InvalidOperationException("not started");

    /// <param name="service">The published sample service, in the version that needs GREETINGS_DATABASE to be healthy.</param>
    public async Task StartAsync(string service)
    {
        await WriteRepositoryAsync(service);
        var deploy = Path.Combine(AppContext.BaseDirectory, "deploy");
        var restart = $"{Gates.Command("before-restart")}; baton process restart web && {{ {Gates.Command("after-restart")}; }}";
        File.WriteAllText(Path.Combine(folder, "baton.yaml"), $"""
            processes:
              worker:
                run: [{deploy}, worker]
                environment:
                  DEPLOY_ROOT: {folder}/app
                  DEPLOY_RESTART: {JsonSerializer.Serialize(restart)}
                  DEPLOY_HEALTH_URL: http://127.0.0.1:{webPort}/healthz
                  DEPLOY_HEALTH_SECONDS: 5
              web:
                run: [{folder}/app/current/web, --urls, "http://127.0.0.1:{webPort}"]
                when: app/current
            """);
        await StartHostAsync();
        client = await TemporalClient.ConnectAsync(new($"127.0.0.1:{serverPort}"));
    }

    public Task<WorkflowHandle<DeployWorkflow, DeployResult>> DeployAsync(string @ref) => Client.StartWorkflowAsync(
        (DeployWorkflow workflow) => workflow.RunAsync(Repository, @ref), new(id: WorkflowId, taskQueue: "deploy"));

    /// <summary>SIGKILL to server and supervisor, and `baton up` again.</summary>
    public async Task KillHostAsync()
    {
        host!.Kill();
        await host.WaitForExitAsync();
        await StartHostAsync();
    }

    /// <summary>SIGKILL to a process of the project; ends when the supervisor has started it again.</summary>
    public async Task KillAsync(string name)
    {
        using var control = new ControlClient(folder);
        var before = await StatusAsync(control, name);
        if (before.Pid is not { } pid)
        {
            return; // nothing is deployed yet
        }
        Process.GetProcessById(pid).Kill();
        await Eventually.HoldsAsync($"{name} runs again", async () => await StatusAsync(control, name) is { Pid: { } now } && now != pid);
    }

    public async Task<string> RevisionOfAsync(string @ref)
    {
        var result = await Shell.RunAsync($"git rev-parse {@ref}", Repository, _ => { }, default);
        return result.Tail.Trim();
    }

    /// <summary>What is left in the scratch folder.</summary>
    public string[] Scratch() => Directory.GetFileSystemEntries(Path.Combine(folder, "app", "work"));

    /// <summary>What the service says of itself.</summary>
    public async Task<(HttpStatusCode Code, string Revision)> HealthAsync()
    {
        using var response = await http.GetAsync(new Uri($"http://127.0.0.1:{webPort}/healthz"));
        var health = JsonDocument.Parse(await response.Content.ReadAsStringAsync());
        return (response.StatusCode, health.RootElement.GetProperty("revision").GetString()!);
    }

    public string Log()
    {
        lock (log)
        {
            return string.Join('\n', log);
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (host is { HasExited: false })
        {
            // Orderly, so that its processes end with it.
            using var terminate = Process.Start("kill", ["-TERM", host.Id.ToString(CultureInfo.InvariantCulture)]);
            await host.WaitForExitAsync();
        }
        host?.Dispose();
        http.Dispose();
        Directory.Delete(folder, recursive: true);
    }

    private static async Task<ProcessStatus> StatusAsync(ControlClient control, string name) =>
        (await control.ListAsync(default)).Single(process => process.Name == name);

    private async Task StartHostAsync()
    {
        var start = new ProcessStartInfo(
            Path.Combine(AppContext.BaseDirectory, "baton"), ["up", folder, "--port", $"{serverPort}", "--set", "Http:Url=http://127.0.0.1:0"])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        host = new Process { StartInfo = start };
        var up = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        host.OutputDataReceived += (_, line) => Take(line.Data);
        host.ErrorDataReceived += (_, line) => Take(line.Data);
        host.Start();
        host.BeginOutputReadLine();
        host.BeginErrorReadLine();
        await up.Task.WaitAsync(TimeSpan.FromMinutes(2), TimeProvider.System);

        void Take(string? line)
        {
            if (line is null)
            {
                up.TrySetException(new InvalidOperationException($"baton up ended: {Log()}"));
                return;
            }
            lock (log)
            {
                log.Enqueue(line);
                if (log.Count > 200)
                {
                    log.Dequeue();
                }
            }
            if (line.Contains(" is up: ", StringComparison.Ordinal))
            {
                up.TrySetResult();
            }
        }
    }

    /// <summary>`good` is healthy and `bad` is not; both stop at the gates `build` and `test`.</summary>
    private async Task WriteRepositoryAsync(string service)
    {
        Directory.CreateDirectory(Repository);
        File.WriteAllText(Path.Combine(Repository, "deploy.json"), JsonSerializer.Serialize(new
        {
            build = $"{Gates.Command("build")}; cp -r '{service}' out && mv out/web out/service && cp start out/web",
            test = Gates.Command("test"),
            release = "out",
        }));
        const string Start = "#!/bin/sh\n{0}exec \"$(dirname \"$(readlink -f \"$0\")\")/service\" \"$@\"\n";
        await CommitAsync("good", string.Format(CultureInfo.InvariantCulture, Start, "export GREETINGS_DATABASE=here\n"));
        await CommitAsync("bad", string.Format(CultureInfo.InvariantCulture, Start, ""));
    }

    private async Task CommitAsync(string tag, string start)
    {
        var file = Path.Combine(Repository, "start");
        File.WriteAllText(file, start);
        File.SetUnixFileMode(file, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        var result = await Shell.RunAsync(
            $"git init --quiet && git add --all && git -c user.name=t -c user.email=t@example.com commit --quiet --message {tag} && git tag {tag}",
            Repository, _ => { }, default);
        Assert.True(result.ExitCode == 0, result.Tail);
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
