using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net.Http.Json;
using System.Text.Json;
using System.Text.Json.Serialization;
using Baton.Server.Control;
using Baton.Server.Errors;
using Baton.Server.Processes;
using Baton.Server.Projects;
using Baton.Server.Settings;
using Microsoft.Extensions.Logging.Abstractions;

namespace Baton.Server.Tests;

public sealed class BatonHostTests : IDisposable
{
    private readonly TemporaryFolder folder = new();
    private readonly ConcurrentQueue<string> output = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task A_killed_process_is_started_again_without_what_it_left_behind()
    {
        folder.Write("baton.yaml", """
            processes:
              parent: { run: "sleep 1000 & echo $! > child; wait" }
            """);
        await using var host = await StartAsync();
        using var client = new ProcessClient(folder.Path);
        await Until(() => File.Exists(folder.File("child")) && File.ReadAllText(folder.File("child")).EndsWith('\n'));
        var child = int.Parse(File.ReadAllText(folder.File("child")), System.Globalization.CultureInfo.InvariantCulture);
        var before = (await client.ListAsync()).Single();

        Process.GetProcessById(before.Pid!.Value).Kill();

        await Until(async () => (await client.ListAsync()).Single() is { State: ProcessState.Running, Restarts: 1 });
        Assert.NotEqual(before.Pid, (await client.ListAsync()).Single().Pid);
        Assert.False(IsAlive(child));
    }

    [Fact]
    public async Task A_restart_ends_the_old_process_before_it_starts_the_new()
    {
        folder.Write("baton.yaml", """
            processes:
              service: { run: "trap 'echo stopped; exit' TERM; echo started; while :; do sleep 0.05; done" }
            """);
        await using var host = await StartAsync();
        using var client = new ProcessClient(folder.Path);
        await Until(() => output.Contains("started"));

        var status = await client.RestartAsync("service");

        Assert.Equal((ProcessState.Running, 1), (status.State, status.Restarts));
        await Until(() => output.Count(line => line == "started") == 2);
        Assert.Equal(["started", "stopped", "started"], output);
    }

    [Fact]
    public async Task A_process_waits_for_its_path()
    {
        folder.Write("baton.yaml", """
            processes:
              service: { run: "echo started; exec sleep 1000", when: release }
            """);
        await using var host = await StartAsync();
        await host.WaitReadyAsync(default);
        using var client = new ProcessClient(folder.Path);
        var refused = await client.RestartRefusedAsync("service");

        folder.Write("release", "");

        await Until(() => output.Contains("started"));
        Assert.Equal(ErrorCodes.Refused, refused);
    }

    [Fact]
    public async Task What_a_killed_host_left_running_is_ended_first()
    {
        folder.Write("baton.yaml", "processes: { w: { run: exec sleep 1000 } }");
        using var leftover = Process.Start(new ProcessStartInfo("sleep", "1000") { Environment = { ["BATON_UP"] = folder.File(".baton") } })!;
        using var stranger = Process.Start(new ProcessStartInfo("sleep", "1000") { Environment = { ["BATON_UP"] = folder.File(".baton2") } })!;

        await using var host = await StartAsync();

        await leftover.WaitForExitAsync();
        Assert.False(stranger.HasExited);
        stranger.Kill();
    }

    [Fact]
    public async Task One_folder_has_one_host()
    {
        folder.Write("baton.yaml", "processes: { w: { run: exec sleep 1000 } }");
        await using (await StartAsync())
        {
            Assert.Equal(ErrorCodes.AlreadyUp, (await Assert.ThrowsAsync<BatonException>(StartAsync)).Code);
        }

        await using var again = await StartAsync();
        Assert.NotEmpty(again.Address);
    }

    [Fact]
    public async Task Stopping_ends_all_processes()
    {
        folder.Write("baton.yaml", "processes: { w: { run: exec sleep 1000 } }");
        int pid;
        await using (await StartAsync())
        {
            using var client = new ProcessClient(folder.Path);
            await Until(async () => (await client.ListAsync()).Single().State == ProcessState.Running);
            pid = (await client.ListAsync()).Single().Pid!.Value;
        }

        Assert.False(IsAlive(pid));
        Assert.Equal(ErrorCodes.ProjectNotUp, Assert.Throws<BatonException>(() => ControlFile.Read(folder.Path)).Code);
    }

    [Fact]
    public async Task A_failed_preparation_starts_nothing_and_shows_its_last_lines()
    {
        folder.Write("baton.yaml", """
            prepare: [echo the reason; exit 3]
            processes: { w: { run: touch ran } }
            """);

        var error = await Assert.ThrowsAsync<BatonException>(StartAsync);

        Assert.Equal(ErrorCodes.PrepareFailed, error.Code);
        Assert.Equal("the reason", error.Cause);
        Assert.False(File.Exists(folder.File("ran")));
    }

    [Fact]
    public async Task The_server_asks_for_the_token_that_only_the_owner_can_read()
    {
        folder.Write("baton.yaml", "processes: { w: { run: exec sleep 1000 } }");
        await using var host = await StartAsync();
        using var http = new HttpClient();

        using var response = await http.GetAsync(new Uri($"{ControlFile.Read(folder.Path).Address}/api/v1/processes"));

        Assert.Equal(System.Net.HttpStatusCode.Unauthorized, response.StatusCode);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(folder.File(".baton/control.json")));
    }

    [Fact]
    public async Task A_restart_of_an_unknown_process_is_not_found()
    {
        folder.Write("baton.yaml", "processes: { w: { run: exec sleep 1000 } }");
        await using var host = await StartAsync();
        using var client = new ProcessClient(folder.Path);

        Assert.Equal(ErrorCodes.NotFound, await client.RestartRefusedAsync("x"));
    }

    private Task<BatonHost> StartAsync() => BatonHost.StartAsync(
        ProjectReader.Read(folder.Path, _ => null),
        new(new BatonSettings { Http = new() { Url = new("http://127.0.0.1:0") }, Temporal = new() { Port = 0 } }, NullLoggerFactory.Instance, TimeProvider.System, (_, line) => output.Enqueue(line)),
        default);

    private static bool IsAlive(int pid)
    {
        var stat = $"/proc/{pid}/stat";
        return File.Exists(stat) && File.ReadAllText(stat) is var text && text[text.LastIndexOf(')') + 2] is not ('Z' or 'X');
    }

    private static Task Until(Func<bool> condition) => Until(() => Task.FromResult(condition()));

    private static async Task Until(Func<Task<bool>> condition)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60), TimeProvider.System);
        while (!await condition())
        {
            await Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System, limit.Token);
        }
    }

    private sealed class ProcessClient : IDisposable
    {
        private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web) { Converters = { new JsonStringEnumConverter() } };

        private readonly HttpClient http;

        public ProcessClient(string folder)
        {
            var file = ControlFile.Read(folder);
            http = new HttpClient { BaseAddress = new Uri(file.Address), DefaultRequestHeaders = { Authorization = new("Bearer", file.Token) } };
        }

        public async Task<List<ProcessStatus>> ListAsync() => (await http.GetFromJsonAsync<List<ProcessStatus>>("api/v1/processes", Json))!;

        public async Task<ProcessStatus> RestartAsync(string name)
        {
            using var response = await http.PostAsync($"api/v1/processes/{name}/restart", null);
            return (await response.EnsureSuccessStatusCode().Content.ReadFromJsonAsync<ProcessStatus>(Json))!;
        }

        /// <returns>The error's code.</returns>
        public async Task<string> RestartRefusedAsync(string name)
        {
            using var response = await http.PostAsync($"api/v1/processes/{name}/restart", null);
            return (await response.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("code").GetString()!;
        }

        public void Dispose() => http.Dispose();
    }
}
