using System.CommandLine;
using Baton.Cli.Options;
using Baton.Cli.Output;
using Baton.Durable;
using Baton.Server.Errors;
using Microsoft.Extensions.Logging;
using Temporalio.Api.Enums.V1;

namespace Baton.Cli.Verbs.Servers;

/// <summary>`baton server start-dev`, with the flags of Temporal's own command line.</summary>
internal static class StartDevVerb
{
    private static readonly string[] Types = [.. Enum.GetValues<IndexedValueType>().Where(type => type != IndexedValueType.Unspecified).Select(type => type.ToString())];

    public static Command Create()
    {
        var port = new Option<ushort>("--port", "-p") { Description = "TCP port for gRPC; 0 for a free one.", DefaultValueFactory = _ => 7233 };
        var httpPort = new Option<ushort>("--http-port") { Description = "TCP port for Nexus over HTTP; 0 (the default) for a free one." };
        var ip = new Option<string>("--ip") { Description = "Address to listen on.", DefaultValueFactory = _ => "127.0.0.1" };
        var namespaces = new Option<string[]>("--namespace", "-n") { Description = "Namespace to create beside `default`; any number of times." };
        var database = new Option<string?>("--db-filename", "-f") { Description = "SQLite file to keep everything in (default: in memory).", HelpName = "FILE" };
        var searchAttributes = Values.Pairs("--search-attribute", $"Custom search attribute; the type is one of {string.Join(", ", Types)}.");
        searchAttributes.HelpName = "NAME=TYPE";
        searchAttributes.Validators.Add(result =>
        {
            foreach (var token in result.Tokens.Where(token => !TryType(token.Value[(token.Value.IndexOf('=', StringComparison.Ordinal) + 1)..], out _)))
            {
                result.AddError($"--search-attribute {token.Value}: the type is one of {string.Join(", ", Types)}");
            }
        });
        var logLevel = Values.Choice(
            "--log-level",
            "Least level that is logged (default warn).",
            ("debug", LogLevel.Debug), ("info", LogLevel.Information), ("warn", LogLevel.Warning), ("error", LogLevel.Error), ("never", LogLevel.None));
        var logFormat = Values.Choice(
            "--log-format", "How logs are written (default text).", ("text", LogFormat.Text), ("pretty", LogFormat.Text), ("json", LogFormat.Json));
        var logConfig = new Option<bool>("--log-config") { Description = "Print the settings in force to stderr." };
        var tlsCert = new Option<string?>("--tls-cert-path") { Description = "Certificate of the server, a PEM file; turns TLS on.", HelpName = "FILE" };
        var tlsKey = new Option<string?>("--tls-key-path") { Description = "Key of the certificate, a PEM file.", HelpName = "FILE" };
        var tlsClientCa = new Option<string?>("--tls-client-ca-path") { Description = "Authority that clients' certificates must chain to, a PEM file.", HelpName = "FILE" };
        var apiKeys = Values.Pairs("--api-key", "Key that clients must show, with a name for it; @FILE reads it from a file. NAME@NAMESPACE,... opens these namespaces only.");
        apiKeys.HelpName = "NAME[@NAMESPACE,...]=SECRET";

        var dynamicConfig = Values.Pairs("--dynamic-config-value", "Limit under the name that Temporal's dynamic configuration gives it; other keys change nothing.");
        dynamicConfig.HelpName = "KEY=JSON";
        dynamicConfig.Validators.Add(result =>
        {
            foreach (var problem in (result.GetValueOrDefault<KeyValuePair<string, string>[]>() ?? []).Select(DynamicConfig.Problem).OfType<string>())
            {
                result.AddError(problem);
            }
        });

        var command = new Command("start-dev", "Run a server; takes the flags of Temporal's command line.")
        {
            port, httpPort, ip, namespaces, database, searchAttributes, logLevel, logFormat, logConfig, tlsCert, tlsKey, tlsClientCa, apiKeys, dynamicConfig,
        };
        AddAcceptedOnly(command);
        command.Validators.Add(result =>
        {
            if (result.GetValue(tlsCert) is null != result.GetValue(tlsKey) is null)
            {
                result.AddError("--tls-cert-path and --tls-key-path go together");
            }
        });
        command.SetAction(async (parsed, cancel) =>
        {
            var console = OutputOptions.Console(parsed);
            using var loggers = ServerLogging.Create(parsed.GetValue(logLevel) ?? LogLevel.Warning, parsed.GetValue(logFormat) ?? LogFormat.Text);
            var options = new DurableServerOptions
            {
                Ip = parsed.GetValue(ip)!,
                Port = parsed.GetValue(port),
                HttpPort = parsed.GetValue(httpPort),
                Namespaces = [.. (parsed.GetValue(namespaces) ?? []).Append("default").Distinct()],
                DatabasePath = parsed.GetValue(database) is { } file ? Path.GetFullPath(file) : null,
                SearchAttributes = SearchAttributes(parsed.GetValue(searchAttributes) ?? []),
                Tls = parsed.GetValue(tlsCert) is { } certificate
                    ? new DurableTlsOptions { CertificatePath = certificate, KeyPath = parsed.GetValue(tlsKey)!, ClientCaPath = parsed.GetValue(tlsClientCa) }
                    : null,
                ApiKeys = [.. (parsed.GetValue(apiKeys) ?? []).Select(ApiKey)],
                LoggerFactory = loggers,
            };
            options = (parsed.GetValue(dynamicConfig) ?? []).Aggregate(options, DynamicConfig.Apply);
            if (parsed.GetValue(logConfig))
            {
                console.Note($"{options with { LoggerFactory = null }}");
            }
            await ServerRun.UntilStoppedAsync(console, options, cancel);
        });
        return command;
    }

    /// <summary>Flags of Temporal's command line that have no meaning here; docs/cli.md says why for each.</summary>
    private static void AddAcceptedOnly(Command command)
    {
        foreach (var name in new[]
        {
            "--ui-port", "--ui-ip", "--ui-asset-path", "--ui-public-path", "--ui-codec-endpoint", "--metrics-port",
            "--sqlite-pragma",
        })
        {
            command.Options.Add(new Option<string[]>(name) { Description = "Accepted, without meaning.", HelpName = "VALUE" });
        }
        command.Options.Add(new Option<bool>("--headless") { Description = "Accepted, without meaning: there is no UI to switch off." });
    }

    private static bool TryType(string text, out IndexedValueType type) =>
        Enum.TryParse(text, ignoreCase: true, out type) && type != IndexedValueType.Unspecified && Enum.IsDefined(type);

    private static Dictionary<string, IndexedValueType> SearchAttributes(IEnumerable<KeyValuePair<string, string>> pairs)
    {
        var attributes = new Dictionary<string, IndexedValueType>(StringComparer.Ordinal);
        foreach (var (name, text) in pairs)
        {
            TryType(text, out var type);
            attributes[name] = type;
        }
        return attributes;
    }

    private static DurableApiKey ApiKey(KeyValuePair<string, string> pair)
    {
        var at = pair.Key.IndexOf('@', StringComparison.Ordinal);
        var name = at < 0 ? pair.Key : pair.Key[..at];
        string[] namespaces = at < 0 ? [] : pair.Key[(at + 1)..].Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        if (!pair.Value.StartsWith('@'))
        {
            return new(name, pair.Value) { Namespaces = namespaces };
        }
        try
        {
            return new(name, File.ReadAllText(pair.Value[1..]).Trim()) { Namespaces = namespaces };
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new BatonException(ErrorCodes.InvalidInput, $"the API key of {name} cannot be read from {pair.Value[1..]}", exception.Message, "name a file that holds the key", exception);
        }
    }
}
