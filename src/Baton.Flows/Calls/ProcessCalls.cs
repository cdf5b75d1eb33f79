using System.Diagnostics;
using System.Text;
using Baton.Flows.Model;
using Baton.Jq;

namespace Baton.Flows.Calls;

/// <summary>
/// <c>run</c>: shell, script and container as processes, where the policy allows. JavaScript runs in Node.js and Python in
/// the <c>python3</c> of the path, containers in Docker or Podman. A process sees PATH, HOME, LANG and what the task gives
/// it, and nothing else of the server's environment; it and its children are killed when the call is cancelled.
/// </summary>
internal sealed class ProcessCalls(FlowPolicy policy) : ICallHandler
{
    private const int MaxOutputChars = 1024 * 1024;

    private static readonly string[] Inherited = ["PATH", "HOME", "LANG", "TMPDIR"];

    public IReadOnlyList<string> Kinds => ["shell", "script", "container"];

    public async Task<JqValue> CallAsync(CallContext context, CancellationToken cancellationToken)
    {
        var kind = Enum.Parse<FlowProcess>(context.Call.Kind, ignoreCase: true);
        if (!policy.Allows(kind))
        {
            throw new FlowFaultException(FlowErrors.Configuration($"The settings do not allow flows to run a {context.Call.Kind}. Whoever runs this installation can allow it with Flows:Allow."));
        }
        var arguments = context.Arguments["arguments"] switch
        {
            { Kind: JqKind.Array } list => [.. list.EnumerateArray().Select(Text)],
            { Kind: JqKind.Object } named => [.. named.EnumerateObject().SelectMany(p => new[] { $"--{p.Key}", Text(p.Value) })],
            _ => (List<string>)[],
        };
        return kind switch
        {
            FlowProcess.Shell => await RunAsync(context, Shell(context.Required("command"), arguments), cancellationToken),
            FlowProcess.Script => await ScriptAsync(context, arguments, cancellationToken),
            _ => await RunAsync(context, Container(context, arguments), cancellationToken),
        };
    }

    private static List<string> Shell(string command, List<string> arguments) => ["/bin/sh", "-c", command, "sh", .. arguments];

    private static async Task<JqValue> ScriptAsync(CallContext context, List<string> arguments, CancellationToken cancellationToken)
    {
        var (program, extension) = context.Required("language") switch
        {
            "js" or "javascript" => ("node", ".mjs"),
            "python" => ("python3", ".py"),
            var other => throw new FlowFaultException(FlowErrors.Configuration($"Scripts in '{other}' are not known; use js or python.")),
        };
        var file = Path.Combine(Path.GetTempPath(), $"baton-{Guid.NewGuid():N}{extension}");
        await File.WriteAllTextAsync(file, context.Required("code"), cancellationToken);
        try
        {
            return await RunAsync(context, [program, file, .. arguments], cancellationToken);
        }
        finally
        {
            File.Delete(file);
        }
    }

    private static List<string> Container(CallContext context, List<string> arguments)
    {
        var engine = FindProgram("docker") ?? FindProgram("podman")
            ?? throw new FlowFaultException(FlowErrors.Configuration("There is no container engine here: neither docker nor podman is on the path."));
        var command = new List<string> { engine, "run", "-i" };
        if (context.Arguments["lifetime"]["cleanup"].TryGetString(out var cleanup) && cleanup == "always")
        {
            command.Add("--rm");
        }
        Add("--name", context.Text("name"));
        Add("--pull", context.Text("pullPolicy") switch { "always" => "always", "never" => "never", "ifNotPresent" => "missing", _ => null });
        AddAll("--publish", "ports", ":");
        AddAll("--volume", "volumes", ":");
        AddAll("--env", "environment", "=");
        var hasCommand = context.Text("command") is not null;
        if (hasCommand)
        {
            command.AddRange(["--entrypoint", "/bin/sh"]);
        }
        command.Add(context.Required("image"));
        if (hasCommand)
        {
            command.AddRange(["-c", context.Text("command")!, "sh"]);
        }
        command.AddRange(arguments);
        return command;

        void Add(string option, string? value)
        {
            if (value is not null)
            {
                command.AddRange([option, value]);
            }
        }

        void AddAll(string option, string member, string separator)
        {
            foreach (var (key, value) in context.Arguments[member].Kind == JqKind.Object ? context.Arguments[member].EnumerateObject() : [])
            {
                Add(option, $"{key}{separator}{Text(value)}");
            }
        }
    }

    private static async Task<JqValue> RunAsync(CallContext context, List<string> command, CancellationToken cancellationToken)
    {
        var start = new ProcessStartInfo(command[0], command[1..])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            StandardOutputEncoding = Encoding.UTF8,
            StandardErrorEncoding = Encoding.UTF8,
            WorkingDirectory = Path.GetTempPath(),
        };
        var inherited = Inherited.Select(name => KeyValuePair.Create(name, Environment.GetEnvironmentVariable(name))).ToList();
        start.Environment.Clear();
        foreach (var (name, value) in inherited.Where(v => v.Value is not null))
        {
            start.Environment[name] = value;
        }
        start.Environment["BATON_IDEMPOTENCY_KEY"] = context.Call.IdempotencyKey;
        foreach (var (name, value) in context.Arguments["environment"].Kind == JqKind.Object ? context.Arguments["environment"].EnumerateObject() : [])
        {
            start.Environment[name] = Text(value);
        }
        using var process = Start(start);
        using var kill = cancellationToken.Register(() => Kill(process));
        var output = ReadAsync(process.StandardOutput, () => Kill(process));
        var error = ReadAsync(process.StandardError, () => Kill(process));
        await WriteAsync(process, context.Arguments["stdin"]);
        await Task.WhenAll(output, error);
        await process.WaitForExitAsync(CancellationToken.None);
        cancellationToken.ThrowIfCancellationRequested();
        return JqValue.FromObject([new("code", process.ExitCode), new("stdout", await output), new("stderr", await error)]);
    }

    private static Process Start(ProcessStartInfo start)
    {
        try
        {
            return Process.Start(start)!;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            throw new FlowFaultException(FlowErrors.Configuration($"'{start.FileName}' is not installed here."));
        }
    }

    private static async Task WriteAsync(Process process, JqValue input)
    {
        try
        {
            if (!input.IsNull)
            {
                await process.StandardInput.WriteAsync(Text(input));
            }
            process.StandardInput.Close();
        }
        catch (IOException)
        {
            // The process ended without reading its input, which is its right.
        }
    }

    private static async Task<string> ReadAsync(StreamReader reader, Action tooMuch)
    {
        var text = new StringBuilder();
        var buffer = new char[8192];
        int read;
        while ((read = await reader.ReadAsync(buffer)) > 0)
        {
            if (text.Length + read > MaxOutputChars)
            {
                tooMuch();
                throw new FlowFaultException(FlowErrors.Runtime($"The process wrote more than {MaxOutputChars:N0} characters."));
            }
            text.Append(buffer, 0, read);
        }
        return text.ToString();
    }

    private static void Kill(Process process)
    {
        try
        {
            process.Kill(entireProcessTree: true);
        }
        catch (InvalidOperationException)
        {
            // It has ended by itself in the meantime.
        }
    }

    private static string? FindProgram(string name) =>
        (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator).Select(folder => Path.Combine(folder, name)).FirstOrDefault(File.Exists);

    private static string Text(JqValue value) => value.TryGetString(out var text) ? text : value.IsNull ? "" : value.ToJson();
}
