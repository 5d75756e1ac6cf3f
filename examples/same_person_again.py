"""Make an element of a person from a portrait, and show that person in a video. Elements are free and stay."""

import asyncio

from kling_async import KlingClient


async def main() -> None:
    async with KlingClient() as kling:
        portrait = await (await kling.images.generate(prompt="A young sailor, portrait", model_name="kling-v3"))
        front = portrait.result.images[0].url
        views = await (await kling.images.multi_shot(element_frontal_image=front))
        element = await (
            await kling.elements.create(
                element_name="Mara",
                element_description="A young sailor with a red scarf",
                reference_type="image_refer",
                element_image_list={
                    "frontal_image": front,
                    "refer_images": [{"image_url": view.url} for view in views.result.files[:2]],
                },
            )
        )
        video = await kling.videos.omni(
            prompt="<<<element_1>>> opens a door and steps into the rain",
            model_name="kling-v3-omni",
            element_list=[{"element_id": element.result.elements[0].element_id}],
            aspect_ratio="16:9",
            duration=3,
        )
        print(await kling.download(video, "kling-out", name="mara"))


asyncio.run(main())
