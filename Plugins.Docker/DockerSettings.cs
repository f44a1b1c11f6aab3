using Calico.Plugins.Docker.Protocol;

namespace Calico.Plugins.Docker;

/// <summary>Settings <c>CALICO_DOCKER_*</c>.</summary>
public sealed class DockerSettings
{
    /// <summary>Where dockerd finds the network driver: its name is the driver's.</summary>
    public string NetworkSocket { get; set; } = "/run/docker/plugins/calico.sock";

    /// <summary>Where dockerd finds the IPAM driver.</summary>
    public string IpamSocket { get; set; } = "/run/docker/plugins/calico-ipam.sock";

    /// <summary>What interfaces are called in containers, before their number; a network's option
    /// <c>com.docker.network.container_iface_prefix</c> goes before.</summary>
    public string InterfacePrefix { get; set; } = "cali";

    /// <summary>How long a call may take before it is answered with "try again": while the host starts, calls wait for it.</summary>
    public TimeSpan CallTime { get; set; } = TimeSpan.FromSeconds(8);

    /// <summary>dockerd's API, for names and labels of containers.</summary>
    public string Daemon { get; set; } = "unix:///run/docker.sock";

    /// <summary>How long an endpoint may be without a link before it counts as forgotten by dockerd. Longer than any of dockerd's calls.
    /// </summary>
    public TimeSpan ForgottenAfter { get; set; } = TimeSpan.FromMinutes(1);

    /// <summary>How often those are looked for.</summary>
    public TimeSpan SweepInterval { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>At the start, because a container would be the first to tell.</summary>
    /// <exception cref="CalicoException"><see cref="Problem.Invalid"/>, with the setting.</exception>
    public void Check()
    {
        if (!NetworkOptions.IsPrefix(InterfacePrefix))
        {
            const string Setting = "CALICO_DOCKER_INTERFACEPREFIX";
            throw new CalicoException(Problem.Invalid,
                $"{Setting} is '{InterfacePrefix}'; it can be 1 to {NetworkOptions.MaxPrefix} letters, digits, '-' or '_': libnetwork "
                + "appends a number, and an interface's name has at most 15 characters", Setting);
        }
    }
}
