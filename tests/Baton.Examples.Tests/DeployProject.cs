using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Text.Json;
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
    private readonly int serverPort = BatonUp.FreePort();
    private readonly int webPort = BatonUp.FreePort();
    private readonly HttpClient http = new() { Timeout = TimeSpan.FromSeconds(5) };
    private readonly BatonUp up;
    private TemporalClient? client;

    public DeployProject()
    {
        Gates = new Gates(folder);
        up = new BatonUp(folder, "--port", $"{serverPort}");
    }

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
        await up.StartAsync();
        client = await TemporalClient.ConnectAsync(new($"127.0.0.1:{serverPort}"));
    }

    public Task<WorkflowHandle<DeployWorkflow, DeployResult>> DeployAsync(string @ref) => Client.StartWorkflowAsync(
        (DeployWorkflow workflow) => workflow.RunAsync(Repository, @ref), new(id: WorkflowId, taskQueue: "deploy"));

    /// <summary>SIGKILL to server and supervisor, and `baton up` again.</summary>
    public Task KillHostAsync() => up.KillAsync();

    /// <summary>SIGKILL to a process of the project; ends when the supervisor has started it again.</summary>
    public async Task KillAsync(string name)
    {
        if (await PidAsync(name) is not { } pid)
        {
            return; // nothing is deployed yet
        }
        Process.GetProcessById(pid).Kill();
        await Eventually.HoldsAsync($"{name} runs again", async () => await PidAsync(name) is { } now && now != pid);
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

    public string Log() => up.Log();

    public async ValueTask DisposeAsync()
    {
        await up.DisposeAsync();
        http.Dispose();
        Directory.Delete(folder, recursive: true);
    }

    private async Task<int?> PidAsync(string name)
    {
        var processes = await up.GetAsync("processes");
        var process = processes.EnumerateArray().Single(process => process.GetProperty("name").GetString() == name);
        return process.GetProperty("pid") is { ValueKind: JsonValueKind.Number } pid ? pid.GetInt32() : null;
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
}
