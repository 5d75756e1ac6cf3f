"""Give a face in a video a voice: a speech, the faces found, and one of them made to say it."""

import asyncio

from kling_async import KlingClient


async def main() -> None:
    async with KlingClient() as kling:
        video = await (await kling.videos.text_to_video(prompt="A sailor looks into the camera", model_name="kling-v3"))
        speech, faces = await asyncio.gather(
            kling.audio.text_to_speech(
                text="The tide is coming in, we should go.", voice_id="oversea_male1", voice_language="en"
            ),
            kling.videos.identify_face(video_id=video.result.videos[0].id),
        )
        face = faces.face_data[0]
        handle = await kling.videos.advanced_lip_sync(
            session_id=faces.session_id,
            face_choose=[
                {
                    "face_id": face.face_id,
                    "audio_id": speech.result.audios[0].id,
                    "sound_start_time": 0,
                    "sound_end_time": 2000,
                    "sound_insert_time": face.start_time,
                }
            ],
        )
        print(await kling.download(handle, "kling-out", name="sailor"))


asyncio.run(main())
