using System.Diagnostics;
using Baton.Server.Control;
using Baton.Server.Tests.Flows;

namespace Baton.Server.Tests.Clients;

/// <summary>
/// Clients as users generate them from the OpenAPI document of a running server: compiled as users compile them, and used.
/// The generators are npm packages (generators/package-lock.json); NSwag comes in one, too.
/// </summary>
public sealed class GeneratedClientTests(SharedServer shared) : IClassFixture<SharedServer>
{
    private const string UseTypeScript = """
        import { client } from './client/client.gen';
        import { applyFlow, getRun, listRuns, publishEvents, startRun } from './client';
        import type { components } from './schema';

        declare const process: { argv: string[] };
        declare const console: { log(text: string): void };

        // The types of the two generators describe the same JSON.
        type Run = components['schemas']['RunDetail'];

        async function main(): Promise<void> {
          const [url, token, flow] = process.argv.slice(2);
          client.setConfig({ baseUrl: url, auth: () => token });
          const path = { namespace: 'default', name: 'typescript' };
          const applied = await applyFlow({ path, body: flow, bodySerializer: (text: unknown) => text as string, headers: { 'Content-Type': 'application/yaml' }, throwOnError: true });
          const started = await startRun({ path, query: { wait: 30 }, body: { id: 'typescript', input: { name: 'Tess' } }, throwOnError: true });
          const run: Run = (await getRun({ path: { id: started.data.id }, throwOnError: true })).data;
          const page = await listRuns({ query: { flow: 'default/typescript', limit: 1 }, throwOnError: true });
          const receipts = await publishEvents({ body: { specversion: '1.0', id: '1', source: '/typescript', type: 'client.used', data: { by: 'typescript' } }, headers: { 'Content-Type': 'application/cloudevents+json' }, throwOnError: true });
          const unknown = await getRun({ path: { id: 'nobody' } });
          console.log([applied.data.change, run.status, (run.output as { text: string }).text, page.data.items.length, receipts.data.events[0].duplicate, unknown.error?.code].join(' '));
        }

        main();
        """;

    private const string UseCSharp = """
        using System.Net.Http.Headers;
        using System.Text.Json;
        using Baton.Client;

        using var http = new HttpClient { DefaultRequestHeaders = { Authorization = new AuthenticationHeaderValue("Bearer", args[1]) } };
        var baton = new BatonClient(args[0], http);
        var started = await baton.StartRunAsync("default", "greet", wait: 30, idempotency_Key: "csharp", new StartRun { Id = "csharp", Input = JsonSerializer.SerializeToElement(new { name = "Cleo" }) });
        var run = await baton.GetRunAsync(started.Id, runId: null, wait: null);
        var made = await baton.CreateTaskAsync(idempotency_Key: null, JsonSerializer.SerializeToElement(new { kind = "approval", title = "Deploy?" }));
        var tasks = await baton.ListTasksAsync(0, 10, "open", assignee: null, run: null, mine: false);
        try
        {
            await baton.GetRunAsync("nobody", null, null);
        }
        catch (ApiException<Problem> problem)
        {
            Console.WriteLine($"{run.Status} {((JsonElement)run.Output!).GetProperty("text")} {made.Status} {tasks.Items.Any(task => task.Id == made.Id)} {problem.Result.Code}");
        }
        """;

    private const string Project = """
        <Project Sdk="Microsoft.NET.Sdk">
          <PropertyGroup>
            <OutputType>Exe</OutputType>
            <TargetFramework>net10.0</TargetFramework>
            <Nullable>enable</Nullable>
            <ImplicitUsings>enable</ImplicitUsings>
          </PropertyGroup>
        </Project>
        """;

    private const string Compiler = """
        {
          "compilerOptions": {
            "strict": true, "target": "es2022", "module": "commonjs", "moduleResolution": "node10",
            "lib": ["es2022", "dom", "dom.iterable"], "types": [], "outDir": "js"
          },
          "include": ["**/*.ts"]
        }
        """;

    private readonly TestServer server = shared.Server;

    [Fact]
    public async Task Clients_in_typescript_compile_strictly_and_call_the_server()
    {
        using var folder = new TemporaryFolder();
        var tools = await ToolsAsync();
        var document = folder.Write("openapi.json", await server.Http.GetStringAsync(new Uri("openapi/v1.json", UriKind.Relative)));
        folder.Write("use.ts", UseTypeScript);
        folder.Write("tsconfig.json", Compiler);

        await RunAsync("node", Path.Combine(tools, "openapi-typescript", "bin", "cli.js"), document, "-o", folder.File("schema.d.ts"));
        await RunAsync("node", Path.Combine(tools, "@hey-api", "openapi-ts", "bin", "run.js"), "-i", document, "-o", folder.File("client"));
        await RunAsync("node", Path.Combine(tools, "typescript", "bin", "tsc"), "-p", folder.Path);
        var told = await RunAsync("node", folder.File("js/use.js"), server.Server.Url, Token(), FlowApiTests.Greet.Replace("greet", "typescript", StringComparison.Ordinal));

        Assert.Equal("created completed hello Tess 1 false BT1003", told.Trim());
    }

    [Fact]
    public async Task A_client_in_csharp_compiles_and_calls_the_server()
    {
        using var folder = new TemporaryFolder();
        var tools = await ToolsAsync();
        var document = folder.Write("openapi.json", await server.Http.GetStringAsync(new Uri("openapi/v1.json", UriKind.Relative)));
        folder.Write("Client.csproj", Project);
        folder.Write("Program.cs", UseCSharp);
        await server.Http.ApplyAsync("default/greet", FlowApiTests.Greet);

        await RunAsync(
            "dotnet", Path.Combine(tools, "nswag", "bin", "binaries", "Net100", "dotnet-nswag.dll"), "openapi2csclient", $"/input:{document}", $"/output:{folder.File("BatonClient.cs")}",
            "/namespace:Baton.Client", "/className:BatonClient", "/JsonLibrary:SystemTextJson", "/OperationGenerationMode:SingleClientFromOperationId",
            "/GenerateNullableReferenceTypes:true", "/GenerateOptionalPropertiesAsNullable:true");
        await RunAsync("dotnet", "build", folder.Path, "-v", "q", "--nologo", "-p:WarningLevel=0");
        var told = await RunAsync("dotnet", folder.File("bin/Debug/net10.0/Client.dll"), server.Server.Url, Token());

        Assert.Equal("Completed hello Cleo Open True BT1003", told.Trim());
    }

    private string Token() => ControlFile.Read(server.DataFolder).Token;

    /// <summary>node_modules of the generators.</summary>
    private static async Task<string> ToolsAsync()
    {
        var folder = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(folder, "Baton.slnx")))
        {
            folder = Path.GetDirectoryName(folder) ?? throw new InvalidOperationException("The tests run outside of the repository.");
        }
        folder = Path.Combine(folder, "tests", "Baton.Server.Tests", "Clients", "generators");
        var modules = Path.Combine(folder, "node_modules");
        if (!Directory.Exists(modules))
        {
            await RunAsync("npm", "ci", "--prefix", folder, "--no-audit", "--no-fund", "--loglevel=error");
        }
        return modules;
    }

    /// <returns>What the program printed.</returns>
    private static async Task<string> RunAsync(string program, params string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = Path.GetTempPath() };
        // What `dotnet test` sets for itself is not for the compiler that is started here.
        foreach (var name in start.Environment.Keys.Where(name => name.StartsWith("MSBUILD", StringComparison.OrdinalIgnoreCase)).ToList())
        {
            start.Environment.Remove(name);
        }
        using var process = Process.Start(start)!;
        var (output, error) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        await process.WaitForExitAsync();
        Assert.True(process.ExitCode == 0, $"{program} {string.Join(' ', arguments.Take(2))} failed with {process.ExitCode}:\n{await output}\n{await error}");
        return await output;
    }
}
