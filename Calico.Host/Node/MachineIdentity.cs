namespace Calico.Host.Node;

/// <summary>What tells this machine and this boot from others.</summary>
/// <param name="MachineId">machine-id(5); a cloned image that kept it shares it, so the node's name is compared too.</param>
/// <param name="BootId">Changes with each boot: kernel objects of another boot are gone.</param>
internal sealed record MachineIdentity(string MachineId, string BootId)
{
    /// <summary>Reads it from this machine.</summary>
    /// <exception cref="CalicoException"><see cref="Problem.Unavailable"/>: /proc is not readable.</exception>
    public static MachineIdentity Read()
    {
        try
        {
            var bootId = File.ReadAllText("/proc/sys/kernel/random/boot_id").Trim();
            foreach (var path in (string[])["/etc/machine-id", "/var/lib/dbus/machine-id"])
            {
                if (File.Exists(path) && File.ReadAllText(path).Trim() is { Length: > 0 } id)
                {
                    return new(id, bootId);
                }
            }

            // A minimal image has no machine-id. The node's name still guards against a cloned log.
            return new("none", bootId);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CalicoException(Problem.Unavailable, $"the machine's identity cannot be read: {e.Message}", null, e);
        }
    }
}
