using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Baton.Durable.Hosting;
using Grpc.Core;
using Grpc.Health.V1;
using Temporalio.Api.WorkflowService.V1;
using Xunit;
using static Baton.Durable.Tests.Hosting.TestServers;

namespace Baton.Durable.Tests.Hosting;

public sealed class AccessTests : IDisposable
{
    private readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("baton-tls-");

    private sealed class WhoAmI
    {
        public Task<GetSystemInfoResponse> GetSystemInfo(GetSystemInfoRequest request, CallContext call) =>
            Task.FromResult(new GetSystemInfoResponse { ServerVersion = call.Principal ?? "nobody" });
    }

    private sealed class SlowPoll
    {
        public TaskCompletionSource Arrived { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public TaskCompletionSource Go { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public async Task<PollWorkflowTaskQueueResponse> PollWorkflowTaskQueue(PollWorkflowTaskQueueRequest request, CallContext call)
        {
            Arrived.TrySetResult();
            await Go.Task;
            return new();
        }
    }

    [Fact]
    public async Task Only_a_known_key_opens_the_server_and_health_stays_open()
    {
        await using var server = await StartAsync(new() { ApiKeys = [new("ci", "key-1"), new("ops", "key-2")] }, new WhoAmI());
        using var client = new WireClient(server.Address);
        const string method = WorkflowService + "GetSystemInfo";

        var known = await client.CallAsync(method, new GetSystemInfoRequest(), bearer: "key-2");
        Assert.Equal("ops", known.Read<GetSystemInfoResponse>().ServerVersion);
        foreach (var key in new[] { null, "key-3", "key-2x" })
        {
            var refused = await client.CallAsync(method, new GetSystemInfoRequest(), bearer: key);
            Assert.Equal((int)StatusCode.Unauthenticated, refused.Status);
            Assert.StartsWith("Request unauthorized", refused.Message, StringComparison.Ordinal);
        }
        Assert.Equal((int)StatusCode.Unauthenticated, (await client.CallAsync(WorkflowService + "NoSuchMethod", new GetSystemInfoRequest())).Status);
        Assert.Equal(0, (await client.CallAsync("/grpc.health.v1.Health/Check", new HealthCheckRequest())).Status);
    }

    [Fact]
    public async Task A_key_that_is_bound_to_namespaces_opens_only_those()
    {
        await using var server = await DurableServer.StartAsync(new()
        {
            Namespaces = ["one", "two"],
            HttpPort = 0,
            ApiKeys = [new("all", "key-all"), new("team", "key-team") { Namespaces = ["one"] }],
        });
        using var client = new WireClient(server.Address);
        Assert.Equal(0, await DescribeAsync("one", "key-team"));
        Assert.Equal((int)StatusCode.PermissionDenied, await DescribeAsync("two", "key-team"));
        Assert.Equal((int)StatusCode.PermissionDenied, (await client.CallAsync(WorkflowService + "ListNamespaces", new ListNamespacesRequest(), bearer: "key-team")).Status);
        Assert.Equal(0, (await client.CallAsync(WorkflowService + "GetSystemInfo", new GetSystemInfoRequest(), bearer: "key-team")).Status);
        Assert.Equal(0, await DescribeAsync("two", "key-all"));

        using var http = new HttpClient();
        foreach (var (ns, key, status) in new[] { ("one", "", 401), ("two", "key-team", 403), ("one", "key-team", 520) })
        {
            using var message = new HttpRequestMessage(HttpMethod.Post, $"{server.HttpAddress}/namespaces/{ns}/task-queues/q/nexus-services/S/O");
            message.Headers.TryAddWithoutValidation("Authorization", "Bearer " + key);
            message.Headers.TryAddWithoutValidation("Request-Timeout", "1ms");
            Assert.Equal(status, (int)(await http.SendAsync(message, TestContext.Current.CancellationToken)).StatusCode);
        }

        async Task<int> DescribeAsync(string ns, string key) =>
            (await client.CallAsync(WorkflowService + "DescribeNamespace", new DescribeNamespaceRequest { Namespace = ns }, bearer: key)).Status;
    }

    [Fact]
    public async Task Health_is_listed_for_all_services()
    {
        await using var server = await StartAsync(new() { ApiKeys = [new("ci", "key-1")] }, new WhoAmI());
        using var client = new WireClient(server.Address);
        var listed = (await client.CallAsync("/grpc.health.v1.Health/List", new HealthListRequest())).Read<HealthListResponse>();
        Assert.Contains("temporal.api.workflowservice.v1.WorkflowService", listed.Statuses.Keys);
        Assert.All(listed.Statuses.Values, found => Assert.Equal((int)HealthCheckResponse.Types.ServingStatus.Serving, found.Status));
    }

    [Fact]
    public async Task Tls_serves_the_certificate_of_the_pem_files()
    {
        var (certificate, tls) = ServerCertificate();
        await using var server = await StartAsync(new() { Tls = tls }, new WhoAmI());
        using var client = new WireClient(server.Address, trusted: certificate);

        Assert.Equal("nobody", (await client.CallAsync(WorkflowService + "GetSystemInfo", new GetSystemInfoRequest())).Read<GetSystemInfoResponse>().ServerVersion);
    }

    [Fact]
    public async Task Mutual_tls_takes_only_clients_of_the_authority()
    {
        using var authority = Issue("CN=authority", null, ca: true);
        using var stranger = Issue("CN=stranger", null, ca: true);
        var (certificate, tls) = ServerCertificate();
        var caPath = Write("ca.pem", authority.ExportCertificatePem());
        await using var server = await StartAsync(new() { Tls = tls with { ClientCaPath = caPath } }, new WhoAmI());

        using var good = new WireClient(server.Address, certificate, Issue("CN=deployer", authority));
        Assert.Equal("CN=deployer", (await good.CallAsync(WorkflowService + "GetSystemInfo", new GetSystemInfoRequest())).Read<GetSystemInfoResponse>().ServerVersion);
        using var none = new WireClient(server.Address, certificate);
        await Assert.ThrowsAsync<HttpRequestException>(() => none.CallAsync(WorkflowService + "GetSystemInfo", new GetSystemInfoRequest()));
        using var foreign = new WireClient(server.Address, certificate, Issue("CN=deployer", stranger));
        await Assert.ThrowsAsync<HttpRequestException>(() => foreign.CallAsync(WorkflowService + "GetSystemInfo", new GetSystemInfoRequest()));
    }

    [Fact]
    public async Task Polls_beyond_the_limit_of_a_namespace_are_refused_until_one_ends()
    {
        var polls = new SlowPoll();
        await using var server = await StartAsync(new() { Limits = new() { ConcurrentPolls = 1 } }, polls);
        using var client = new WireClient(server.Address);
        const string method = WorkflowService + "PollWorkflowTaskQueue";

        var first = client.CallAsync(method, new PollWorkflowTaskQueueRequest { Namespace = "a" });
        await polls.Arrived.Task;
        var second = await client.CallAsync(method, new PollWorkflowTaskQueueRequest { Namespace = "a" });
        Assert.Equal((int)StatusCode.ResourceExhausted, second.Status);
        var other = client.CallAsync(method, new PollWorkflowTaskQueueRequest { Namespace = "b" });
        polls.Go.SetResult();
        Assert.Equal(0, (await first).Status);
        Assert.Equal(0, (await other).Status);
        Assert.Equal(0, (await client.CallAsync(method, new PollWorkflowTaskQueueRequest { Namespace = "a" })).Status);
    }

    [Fact]
    public void All_problems_of_the_options_are_told_at_once_and_no_secret_with_them()
    {
        var options = new DurableServerOptions
        {
            Ip = "nowhere",
            Port = 70_000,
            Namespaces = ["a", "a"],
            ApiKeys = [new("ci", "with space")],
            Retention = TimeSpan.Zero,
            Tls = new() { CertificatePath = "/no/such.pem", KeyPath = "/no/such.key" },
            Limits = new() { RequestBytes = 0 },
        };

        var error = Assert.Throws<DurableOptionsException>(options.Validate);

        foreach (var setting in new[] { "Ip:", "Port:", "Namespaces:", "ApiKeys:", "Retention:", "Tls.CertificatePath:", "Tls.KeyPath:", "Limits.RequestBytes:" })
        {
            Assert.Contains(error.Problems, p => p.StartsWith(setting, StringComparison.Ordinal));
        }
        Assert.DoesNotContain("with space", error.Message, StringComparison.Ordinal);
    }

    public void Dispose() => folder.Delete(recursive: true);

    private (X509Certificate2 Certificate, DurableTlsOptions Tls) ServerCertificate()
    {
        var certificate = Issue("CN=localhost", null);
        return (certificate, new()
        {
            CertificatePath = Write("server.pem", certificate.ExportCertificatePem()),
            KeyPath = Write("server.key", certificate.GetECDsaPrivateKey()!.ExportPkcs8PrivateKeyPem()),
        });
    }

    private string Write(string name, string pem)
    {
        var path = Path.Combine(folder.FullName, name);
        File.WriteAllText(path, pem);
        return path;
    }

    private static X509Certificate2 Issue(string subject, X509Certificate2? issuer, bool ca = false)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest(subject, key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(ca, false, 0, true));
        var (from, until) = (TimeProvider.System.GetUtcNow().AddHours(-1), TimeProvider.System.GetUtcNow().AddHours(1));
        if (issuer is null)
        {
            return request.CreateSelfSigned(from, until);
        }
        using var signed = request.Create(issuer, from.AddMinutes(5), until.AddMinutes(-5), RandomNumberGenerator.GetBytes(8));
        return signed.CopyWithPrivateKey(key);
    }
}
