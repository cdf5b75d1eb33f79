using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;
using Temporalio.Client;

namespace Baton.Cli.Tests;

public sealed class ServerVerbTests(RunningServer running)
{
    // As SDKs start it (the core's ephemeral server), with an address of its own.
    private static readonly string[] SdkFlags =
    [
        "server", "start-dev", "--port", "0", "--namespace", "sdk", "--ip", "127.0.0.1", "--log-format", "pretty", "--log-level", "warn",
        "--dynamic-config-value", "frontend.enableServerVersionCheck=false", "--dynamic-config-value", "system.enableEagerWorkflowStart=true",
        "--dynamic-config-value", "history.enableWorkflowTaskCompletionPagination=true", "--dynamic-config-value", "limit.memoSize.error=1024",
        "--dynamic-config-value", "history.MaxBufferedQueryCount=100000", "--dynamic-config-value", "component.nexusoperations.useSystemCallbackURL=false",
        "--dynamic-config-value", "component.nexusoperations.callback.endpoint.template=\"http://localhost:7243/namespaces/{{.NamespaceName}}/nexus/callback\"",
        "--dynamic-config-value", "callback.allowedAddresses=[{\"Pattern\":\"*\",\"AllowInsecure\":true}]", "--dynamic-config-value", "system.refreshNexusEndpointsMinWait=\"0s\"",
        "--headless", "--search-attribute", "Colour=Keyword", "--sqlite-pragma", "journal_mode=wal", "--ui-port", "0", "--json",
    ];

    [Fact]
    public async Task Start_dev_takes_the_flags_that_sdks_pass_and_stops_when_asked()
    {
        using var server = Process.Start(BatonProcess.StartInfo(SdkFlags))!;
        var address = await AddressAsync(server);
        var client = await TemporalClient.ConnectAsync(new(address) { Namespace = "sdk" });

        var namespaces = await client.WorkflowService.ListNamespacesAsync(new());
        var attributes = await client.OperatorService.ListSearchAttributesAsync(new() { Namespace = "sdk" });

        Assert.Equal(["default", "sdk"], namespaces.Namespaces.Select(ns => ns.NamespaceInfo.Name).Where(name => !name.StartsWith("temporal", StringComparison.Ordinal)).Order(StringComparer.Ordinal));
        Assert.Contains("Colour", attributes.CustomAttributes.Keys);
        var sdk = namespaces.Namespaces.Single(ns => ns.NamespaceInfo.Name == "sdk").NamespaceInfo;
        Assert.Equal((true, 1024), (sdk.Capabilities.WorkflowTaskCompletionPagination, sdk.Limits.MemoSizeLimitError));
        await StopAsync(server);
        Assert.Equal(0, server.ExitCode);
    }

    [Fact]
    public async Task The_bare_form_is_the_time_skipping_server()
    {
        using var server = Process.Start(BatonProcess.StartInfo(["0", "--anything", "else", "--json"]))!;
        var client = await TemporalClient.ConnectAsync(new(await AddressAsync(server)));

        var before = (await client.Connection.TestService.GetCurrentTimeAsync(new())).Time;
        await client.Connection.TestService.UnlockTimeSkippingWithSleepAsync(new() { Duration = Google.Protobuf.WellKnownTypes.Duration.FromTimeSpan(TimeSpan.FromDays(1)) });
        var after = (await client.Connection.TestService.GetCurrentTimeAsync(new())).Time;

        Assert.True((after - before).ToTimeSpan() >= TimeSpan.FromDays(1));
        await StopAsync(server);
    }

    [Fact]
    public async Task A_port_that_is_taken_is_named()
    {
        var port = running.Address.Split(':')[^1];

        var result = (await BatonProcess.RunAsync("server", "start-dev", "--port", port)).Expect(1);

        Assert.Contains("BT1013", result.Error, StringComparison.Ordinal);
        Assert.Contains(port, result.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--search-attribute", "Colour=Paint", "Colour=Paint")]
    [InlineData("--port", "seven", "seven")]
    [InlineData("--log-level", "loud", "loud")]
    [InlineData("--tls-cert-path", "x.pem", "--tls-key-path")]
    [InlineData("--ip", "nowhere", "nowhere")]
    public async Task A_wrong_setting_is_named(string option, string value, string named) =>
        Assert.Contains(named, (await BatonProcess.RunAsync("server", "start-dev", option, value)).Expect(2).Error, StringComparison.Ordinal);

    [Fact]
    public async Task Api_keys_are_asked_for()
    {
        using var server = Process.Start(BatonProcess.StartInfo(["server", "start-dev", "--port", "0", "--api-key", "ci=s3cret", "--json"]))!;
        var address = await AddressAsync(server);

        (await BatonProcess.RunAsync("workflow", "list", "--address", address)).Expect(3);
        (await BatonProcess.RunAsync("workflow", "list", "--address", address, "--api-key", "wrong")).Expect(3);
        (await BatonProcess.RunAsync("workflow", "list", "--address", address, "--api-key", "s3cret")).Expect(0);
        await StopAsync(server);
    }

    private static async Task<string> AddressAsync(Process server)
    {
        var json = "";
        while (await server.StandardOutput.ReadLineAsync() is { } line)
        {
            json += line;
            if (line == "}")
            {
                return (string)JsonNode.Parse(json)!["address"]!;
            }
        }
        throw new InvalidOperationException($"the server ended: {await server.StandardError.ReadToEndAsync()}");
    }

    private static async Task StopAsync(Process server)
    {
        using var kill = Process.Start("kill", ["-TERM", server.Id.ToString(CultureInfo.InvariantCulture)]);
        await server.WaitForExitAsync();
    }
}
