using System.CommandLine;
using Baton.Cli.Output;
using Baton.Server.Control;

namespace Baton.Cli.Api;

/// <summary>
/// Which Baton server a verb talks to, and as whom: --url and --token, or BATON_URL and BATON_TOKEN; what is missing is
/// what `baton login` kept, or read from the data folder of the project that --project, BATON_PROJECT or the current folder names.
/// </summary>
internal sealed class ApiOptions
{
    private readonly Option<Uri?> url = new("--url")
    {
        Description = "Server (default: BATON_URL, or the project's).",
        HelpName = "URL",
        CustomParser = result =>
        {
            if (Uri.TryCreate(result.Tokens[^1].Value, UriKind.Absolute, out var uri) && uri.Scheme is "http" or "https")
            {
                return uri;
            }
            result.AddError($"--url takes an http or https address, not '{result.Tokens[^1].Value}'");
            return null;
        },
    };

    private readonly Option<string?> token = new("--token") { Description = "Access token (default: BATON_TOKEN, or the project owner's own)." };
    private readonly Option<string?> project = new("--project") { Description = "Project folder (default: BATON_PROJECT, or the current folder).", HelpName = "PATH" };

    /// <summary>Gives a noun, and every verb below it, these options.</summary>
    public Command AddTo(Command noun)
    {
        foreach (Option option in new Option[] { url, token, project })
        {
            option.Recursive = true;
            noun.Options.Add(option);
        }
        return noun;
    }

    /// <summary>Makes <paramref name="act"/> what <paramref name="command"/> does.</summary>
    public void SetAction(Command command, Func<ApiCall, Task<int>> act) => command.SetAction(async (parsed, cancel) =>
    {
        using var client = Connect(parsed);
        return await act(new(parsed, OutputOptions.Console(parsed), client, cancel));
    });

    public void SetAction(Command command, Func<ApiCall, Task> act) => SetAction(command, async call =>
    {
        await act(call);
        return ExitCodes.Success;
    });

    public ApiClient Connect(ParseResult parsed)
    {
        var address = parsed.GetValue(url) ?? (Variable("BATON_URL") is { } text ? new Uri(text) : null);
        var secret = parsed.GetValue(token) ?? Variable("BATON_TOKEN");
        if (parsed.GetValue(project) is not null || address is null)
        {
            var file = ControlFile.Read(parsed.GetValue(project) ?? Variable("BATON_PROJECT") ?? ".");
            address ??= new Uri(file.Address);
            secret ??= file.Token;
        }
        return new ApiClient(address, secret ?? SavedTokens.Find(address) ?? OwnTokenOf(address));
    }

    // BATON_URL alone, as the project's own processes have it, still stands for the project beside it.
    private static string? OwnTokenOf(Uri address) =>
        Variable("BATON_PROJECT") is { } folder && ControlFile.TryRead(folder) is { } file && new Uri(file.Address) == address ? file.Token : null;

    private static string? Variable(string name) => Environment.GetEnvironmentVariable(name) is { Length: > 0 } value ? value : null;
}

/// <summary>One verb being run against a Baton server.</summary>
internal sealed record ApiCall(ParseResult Parsed, CliConsole Console, ApiClient Client, CancellationToken Cancel)
{
    public T Get<T>(Argument<T> argument) => Parsed.GetRequiredValue(argument);

    public T? Get<T>(Option<T> option) => Parsed.GetValue(option);
}
