using System.Net;

namespace Calico.Plugins.Mesos;

/// <summary>Settings <c>CALICO_MESOS_*</c>.</summary>
public sealed class MesosSettings
{
    /// <summary>Where the isolator answers over gRPC.</summary>
    public string Socket { get; set; } = "/run/calico/mesos.sock";

    /// <summary>Where the command <c>calico_mesos</c> calls.</summary>
    public string NetModulesSocket { get; set; } = "/run/calico/net-modules.sock";

    /// <summary>How long a call may take before it is answered with "try again": while the host starts, calls wait for it. Below the 30
    /// seconds that <c>calico_mesos</c> waits.</summary>
    public TimeSpan CallTime { get; set; } = TimeSpan.FromSeconds(20);

    /// <summary>Calls of <c>calico_mesos</c> that are served at once; more wait in the socket's backlog.</summary>
    public int MaxCalls { get; set; } = 64;

    /// <summary>How long an interface may be gone, or a policy not be enforced, before the container is a case for a limitation.</summary>
    public TimeSpan LimitedAfter { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>How long an isolated container may be without its interface before it counts as forgotten by its agent.</summary>
    public TimeSpan ForgottenAfter { get; set; } = TimeSpan.FromMinutes(1);

    /// <summary>How long a container may be prepared without being isolated.</summary>
    public TimeSpan UnusedAfter { get; set; } = TimeSpan.FromMinutes(15);

    /// <summary>How often those are looked for.</summary>
    public TimeSpan SweepInterval { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>Port of a loopback address for gRPC with TLS; 0: none.</summary>
    public int TlsPort { get; set; }

    /// <summary>The loopback address of it.</summary>
    public string TlsAddress { get; set; } = "127.0.0.1";

    /// <summary>Its certificate, PEM.</summary>
    public string TlsCertificateFile { get; set; } = "";

    /// <summary>The key of it, PEM.</summary>
    public string TlsKeyFile { get; set; } = "";

    /// <summary>Who signs the certificates of those who may call, PEM. Everybody on a machine reaches its loopback.</summary>
    public string TlsClientCaFile { get; set; } = "";

    /// <summary>At the start, because a container would be the first to tell.</summary>
    /// <exception cref="CalicoException"><see cref="Problem.Invalid"/>, with the setting.</exception>
    public void Check()
    {
        Require(MaxCalls is > 0 and <= 4096, "MAXCALLS", $"is {MaxCalls}; it can be 1 to 4096");
        Require(CallTime > TimeSpan.Zero
            && CallTime < TimeSpan.FromSeconds(30), "CALLTIME", "is not between 0 and 30 seconds, which calico_mesos waits");
        foreach (var (setting, time) in new[] { ("SWEEPINTERVAL", SweepInterval), ("LIMITEDAFTER", LimitedAfter),
            ("FORGOTTENAFTER", ForgottenAfter), ("UNUSEDAFTER", UnusedAfter) })
        {
            Require(time > TimeSpan.Zero, setting, "is not more than zero");
        }

        Require(LimitedAfter < CallTime, "LIMITEDAFTER", "is not below CALICO_MESOS_CALLTIME: an isolate waits for it");
        Require(LimitedAfter < ForgottenAfter, "FORGOTTENAFTER", "is not more than CALICO_MESOS_LIMITEDAFTER: nobody would be told before");
        Require(TlsPort is >= 0 and <= 65535, "TLSPORT", $"is {TlsPort}; it can be 1 to 65535, or 0 for none");
        if (TlsPort == 0)
        {
            return;
        }

        Require(IPAddress.TryParse(TlsAddress, out var address) && IPAddress.IsLoopback(address), "TLSADDRESS",
            $"is '{TlsAddress}'; it can be a loopback address");
        foreach (var (setting, file) in new[]
            { ("TLSCERTIFICATEFILE", TlsCertificateFile), ("TLSKEYFILE", TlsKeyFile), ("TLSCLIENTCAFILE", TlsClientCaFile) })
        {
            Require(File.Exists(file), setting, file.Length == 0 ? "is needed where CALICO_MESOS_TLSPORT is set"
                : $"names no file: {file}");
        }
    }

    private static void Require(bool condition, string setting, string what)
    {
        if (!condition)
        {
            throw new CalicoException(Problem.Invalid, $"CALICO_MESOS_{setting} {what}", $"CALICO_MESOS_{setting}");
        }
    }
}
