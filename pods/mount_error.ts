/** A volume of a pod cannot be set up; the message is that of the kubelet's `FailedMount` Event. */
export class MountError extends Error {
  override readonly name = "MountError";
  readonly volume: string;

  constructor(volume: string, why: string, options?: ErrorOptions) {
    super(`MountVolume.SetUp failed for volume "${volume}" : ${why}`, options);
    this.volume = volume;
  }
}
