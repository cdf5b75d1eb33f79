using System.CommandLine;
using Baton.Cli.Output;
using Baton.Server.Errors;
using Temporalio.Client;
using Temporalio.Common.EnvConfig;
using Temporalio.Exceptions;

namespace Baton.Cli.Options;

/// <summary>
/// Which server to talk to, and as whom. Each option falls back to its variable (TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE,
/// TEMPORAL_API_KEY, TEMPORAL_TLS...), then to the profile of the configuration file that Temporal's own tools read,
/// then to 127.0.0.1:7233 and the namespace `default`.
/// </summary>
internal sealed class ClientOptions
{
    public const string DefaultAddress = "127.0.0.1:7233";

    private readonly Option<string?> address = new("--address") { Description = $"Server to talk to, HOST:PORT (default {DefaultAddress}).", HelpName = "HOST:PORT" };
    private readonly Option<string?> @namespace = new("--namespace", "-n") { Description = "Namespace (default: default)." };
    private readonly Option<string?> apiKey = new("--api-key") { Description = "API key; turns TLS on, except on loopback and with --tls=false." };
    private readonly Option<bool?> tls = new("--tls") { Description = "Use TLS." };
    private readonly Option<string?> tlsCaPath = new("--tls-ca-path") { Description = "Certificate authority to trust, a PEM file.", HelpName = "FILE" };
    private readonly Option<string?> tlsCertPath = new("--tls-cert-path") { Description = "Client certificate, a PEM file.", HelpName = "FILE" };
    private readonly Option<string?> tlsKeyPath = new("--tls-key-path") { Description = "Key of the client certificate, a PEM file.", HelpName = "FILE" };
    private readonly Option<string?> tlsServerName = new("--tls-server-name") { Description = "Name expected in the server's certificate." };
    private readonly Option<string?> identity = new("--identity") { Description = "Who is asking, as histories record it." };
    private readonly Option<KeyValuePair<string, string>[]> grpcMeta = Values.Pairs("--grpc-meta", "Header of each call.");
    private readonly Option<string?> profile = new("--profile") { Description = "Profile of the configuration file (default: default)." };
    private readonly Option<string?> configFile = new("--config-file") { Description = "Configuration file.", HelpName = "FILE" };
    private readonly Option<bool> disableConfigFile = new("--disable-config-file") { Description = "Read no configuration file." };
    private readonly Option<TimeSpan?> commandTimeout = Values.Duration("--command-timeout", "Give up after this time (default: none).");

    private IEnumerable<Option> All =>
    [
        address, @namespace, apiKey, tls, tlsCaPath, tlsCertPath, tlsKeyPath, tlsServerName, identity, grpcMeta, profile,
        configFile, disableConfigFile, commandTimeout,
    ];

    /// <summary>Gives a noun, and every verb below it, these options.</summary>
    public Command AddTo(Command noun)
    {
        foreach (var option in All)
        {
            option.Recursive = true;
            noun.Options.Add(option);
        }
        return noun;
    }

    /// <summary>Makes <paramref name="act"/> what <paramref name="command"/> does, with a connection to the server.</summary>
    public void SetAction(Command command, Func<ServerCall, Task<int>> act) =>
        command.SetAction(async (parsed, cancel) =>
        {
            using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancel);
            if (parsed.GetValue(commandTimeout) is { } timeout)
            {
                deadline.CancelAfter(timeout);
            }
            var target = Target(parsed);
            try
            {
                var connection = await ConnectAsync(target);
                return await act(new ServerCall(parsed, OutputOptions.Console(parsed), connection, target, deadline.Token));
            }
            catch (RpcException exception)
            {
                throw RpcErrors.Translate(exception, target.TargetHost!);
            }
            catch (OperationCanceledException) when (!cancel.IsCancellationRequested && deadline.IsCancellationRequested)
            {
                throw new BatonException(ErrorCodes.ServerUnreachable, $"no answer within --command-timeout from {target.TargetHost}", null, "allow more time");
            }
        });

    public void SetAction(Command command, Func<ServerCall, Task> act) =>
        SetAction(command, async call =>
        {
            await act(call);
            return ExitCodes.Success;
        });

    private TemporalClientConnectOptions Target(ParseResult parsed)
    {
        TemporalClientConnectOptions target;
        try
        {
            target = ClientEnvConfig.LoadClientConnectOptions(new()
            {
                Profile = parsed.GetValue(profile),
                ConfigSource = parsed.GetValue(configFile) is { } path ? DataSource.FromPath(path) : null,
                DisableFile = parsed.GetValue(disableConfigFile),
            });
        }
        catch (InvalidOperationException exception)
        {
            throw new BatonException(
                ErrorCodes.InvalidInput, "the client configuration cannot be used", exception.Message,
                "correct the file (`baton config list` names it), or pass --disable-config-file", exception);
        }
        target.TargetHost = parsed.GetValue(address) ?? target.TargetHost ?? DefaultAddress;
        target.Namespace = parsed.GetValue(@namespace) ?? target.Namespace ?? "default";
        target.Identity = parsed.GetValue(identity) ?? $"baton:{Environment.UserName}@{Environment.MachineName}";
        target.ApiKey = parsed.GetValue(apiKey) ?? target.ApiKey;
        if (parsed.GetValue(grpcMeta) is { Length: > 0 } headers)
        {
            target.RpcMetadata = (target.RpcMetadata ?? []).UnionBy(headers, header => header.Key).ToList();
        }
        target.Tls = Tls(parsed, target);
        return target;
    }

    private TlsOptions? Tls(ParseResult parsed, TemporalClientConnectOptions target)
    {
        if (parsed.GetValue(tls) is false)
        {
            return new TlsOptions { Disabled = true };
        }
        var given = parsed.GetValue(tls) is true
            || parsed.GetResult(tlsCaPath) is not null
            || parsed.GetResult(tlsCertPath) is not null
            || parsed.GetResult(tlsServerName) is not null;
        if (!given)
        {
            // The SDK turns TLS on for a key; on loopback the key crosses no network.
            return target.Tls ?? (target.ApiKey is not null && IsLoopback(target.TargetHost!) ? new TlsOptions { Disabled = true } : null);
        }
        return new TlsOptions
        {
            ServerRootCACert = ReadFile(parsed, tlsCaPath) ?? target.Tls?.ServerRootCACert,
            ClientCert = ReadFile(parsed, tlsCertPath) ?? target.Tls?.ClientCert,
            ClientPrivateKey = ReadFile(parsed, tlsKeyPath) ?? target.Tls?.ClientPrivateKey,
            Domain = parsed.GetValue(tlsServerName) ?? target.Tls?.Domain,
        };
    }

    private static bool IsLoopback(string address) =>
        address.StartsWith("127.", StringComparison.Ordinal)
        || address.StartsWith("localhost:", StringComparison.OrdinalIgnoreCase)
        || address.StartsWith("[::1]", StringComparison.Ordinal);

    private static byte[]? ReadFile(ParseResult parsed, Option<string?> option)
    {
        if (parsed.GetValue(option) is not { } path)
        {
            return null;
        }
        try
        {
            return File.ReadAllBytes(path);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new BatonException(ErrorCodes.InvalidInput, $"{option.Name} {path} cannot be read", exception.Message, "name a PEM file", exception);
        }
    }

    private static async Task<TemporalConnection> ConnectAsync(TemporalClientConnectOptions target)
    {
        try
        {
            return await TemporalConnection.ConnectAsync(target);
        }
        catch (InvalidOperationException exception)
        {
            throw RpcErrors.ConnectFailed(exception, target.TargetHost!);
        }
    }
}
