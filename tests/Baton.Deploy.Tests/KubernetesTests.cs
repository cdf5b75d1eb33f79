using Baton.Server.Settings;
using k8s;
using k8s.Models;

namespace Baton.Deploy.Tests;

public sealed class KubernetesTests
{
    public static TheoryData<string> Overlays => ["embedded", "cluster"];

    [Theory]
    [MemberData(nameof(Overlays))]
    public void Patches_are_of_objects_that_are_there(string name)
    {
        var overlay = Overlay.Read(name);
        var known = overlay.Objects.Select(Key).ToList();

        Assert.Equal(known.Count, known.Distinct().Count());
        Assert.NotEmpty(overlay.Patches);
        Assert.Empty(overlay.Patches.Select(Key).Except(known));

        static string Key(IKubernetesObject one) => $"{one.ApiVersion} {one.Kind} {((IMetadata<V1ObjectMeta>)one).Metadata.Name}";
    }

    [Theory]
    [MemberData(nameof(Overlays))]
    public void Settings_are_such_that_the_server_starts_with_them(string name)
    {
        var overlay = Overlay.Read(name);

        var result = new SettingsReader().AddVariables(overlay.Settings()).AddVariables([new("BATON_DATABASE__POSTGRES", "Host=postgres")]).Read();

        Assert.Empty(result.Problems);
        Assert.Equal(7280, result.Settings.Http.Url.Port);
        Assert.All(overlay.Settings(), setting => Assert.Contains(result.Values, value => value.Source == $"variable {setting.Key}"));
    }

    [Theory]
    [MemberData(nameof(Overlays))]
    public void The_container_has_no_more_rights_than_it_needs(string name)
    {
        var pod = Overlay.Read(name).Single<V1Deployment>().Spec.Template.Spec;
        var container = Assert.Single(pod.Containers);

        Assert.True(pod.SecurityContext.RunAsNonRoot);
        Assert.Equal("RuntimeDefault", pod.SecurityContext.SeccompProfile.Type);
        Assert.True(container.SecurityContext.ReadOnlyRootFilesystem);
        Assert.False(container.SecurityContext.AllowPrivilegeEscalation);
        Assert.Equal(["ALL"], container.SecurityContext.Capabilities.Drop);
        Assert.False(pod.AutomountServiceAccountToken);
        Assert.Equal(["/data", "/tmp"], container.VolumeMounts.Select(mount => mount.MountPath));
        Assert.True(container.Resources.Limits.ContainsKey("memory") && container.Resources.Requests.ContainsKey("cpu"));
    }

    [Theory]
    [MemberData(nameof(Overlays))]
    public void Probes_service_and_policies_find_the_pod(string name)
    {
        var overlay = Overlay.Read(name);
        var template = overlay.Single<V1Deployment>().Spec.Template;
        var container = template.Spec.Containers.Single();
        var port = container.Ports.Single(port => port.Name == "http");

        Assert.Equal(7280, port.ContainerPort);
        Assert.Equal(("/health/live", "/health/ready", "/health/live"), (container.LivenessProbe.HttpGet.Path, container.ReadinessProbe.HttpGet.Path, container.StartupProbe.HttpGet.Path));
        Assert.All([container.LivenessProbe, container.ReadinessProbe, container.StartupProbe], probe => Assert.Equal("http", probe.HttpGet.Port.Value));
        Assert.Equal(template.Metadata.Labels, overlay.Single<V1Service>().Spec.Selector);
        Assert.Equal(template.Metadata.Labels, overlay.Single<V1Deployment>().Spec.Selector.MatchLabels);
        Assert.Equal(template.Metadata.Labels, overlay.Single<V1NetworkPolicy>().Spec.PodSelector.MatchLabels);
        Assert.Equal("http", overlay.Single<V1Service>().Spec.Ports.Single().TargetPort.Value);
    }

    [Fact]
    public void One_node_has_one_owner_of_its_volume()
    {
        var overlay = Overlay.Read("embedded");
        var patch = overlay.Patch<V1Deployment>()!.Spec;

        Assert.Equal("Recreate", patch.Strategy.Type);
        Assert.Equal(overlay.Single<V1PersistentVolumeClaim>().Metadata.Name, patch.Template.Spec.Volumes.Single().PersistentVolumeClaim.ClaimName);
        Assert.Equal(1, overlay.Single<V1Deployment>().Spec.Replicas);
    }

    [Fact]
    public void Replicas_are_several_share_their_keys_and_are_not_all_taken_at_once()
    {
        var overlay = Overlay.Read("cluster");
        var patch = overlay.Patch<V1Deployment>()!.Spec;
        var settings = new SettingsReader().AddVariables(overlay.Settings()).Read().Settings;

        Assert.True(patch.Replicas > 1);
        var mount = patch.Template.Spec.Containers.Single().VolumeMounts.Single();
        Assert.Equal($"{mount.MountPath}/keys.json", settings.Secrets.KeyFile);
        Assert.Contains(patch.Template.Spec.Volumes, volume => volume.Name == mount.Name && volume.Secret is not null);
        Assert.False(patch.Template.Spec.Containers.Single().EnvFrom.Single(from => from.SecretRef is not null).SecretRef.Optional);
        Assert.NotNull(settings.Temporal.Address);
        Assert.Equal(overlay.Single<V1Deployment>().Spec.Template.Metadata.Labels, overlay.Single<V1PodDisruptionBudget>().Spec.Selector.MatchLabels);
    }
}
